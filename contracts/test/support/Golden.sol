// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../../src/ISessionKeyValidator.sol";
import {vm} from "./Vm.sol";

/// @notice vectors/vouchers.json as structs. Fields are read by name, in the types that are written here; what a test
/// does not need is left out.
library Golden {
    struct Domain {
        string name;
        string version;
        uint256 chainId;
        address verifyingContract;
        bytes32 separator;
    }

    struct Kind {
        string name;
        string encodeType;
        bytes32 typeHash;
    }

    struct Session {
        uint256 chainId;
        address verifyingContract;
        I.Session session;
        bytes32 sessionId;
    }

    struct Grant {
        uint256 sessionIndex;
        address key;
        bytes32 digest;
        address signer;
        bytes signature;
    }

    /// The rejected ones have the same fields; `key` is then the key of the session.
    struct Voucher {
        string name;
        uint256 sessionIndex;
        address payee;
        uint128 maxClaimable;
        bytes32 digest;
        address key;
        bytes signature;
        bytes32 r;
        bytes32 vs;
    }

    struct Action {
        string kind;
        uint256 sessionIndex;
        uint256 nonce;
        uint256 deadline;
        bytes32 digest;
        address signer;
        bytes signature;
    }

    struct Rotation {
        uint256 sessionIndex;
        address key;
        uint256 nonce;
        uint256 deadline;
        bytes32 digest;
        address signer;
        bytes signature;
    }

    struct Withdrawal {
        uint256 sessionIndex;
        address payee;
        uint128 amount;
        uint256 nonce;
        uint256 deadline;
        bytes32 digest;
        address signer;
        bytes signature;
    }

    struct Authorization {
        uint256 sessionIndex;
        address key;
        address payee;
        uint128 amount;
        uint256 index;
        address token;
        address from;
        address to;
        uint256 value;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
        bytes32 digest;
        address signer;
        bytes signature;
    }

    function read() internal view returns (string memory) {
        return vm.readFile(string.concat(vm.projectRoot(), "/vectors/vouchers.json"));
    }

    function domains(string memory json) internal pure returns (Domain[] memory) {
        return abi.decode(
            list(
                json,
                "domains",
                "(string name,string version,uint256 chainId,address verifyingContract,bytes32 separator)"
            ),
            (Domain[])
        );
    }

    function kinds(string memory json) internal pure returns (Kind[] memory) {
        return abi.decode(list(json, "types", "(string name,string encodeType,bytes32 typeHash)"), (Kind[]));
    }

    function sessions(string memory json) internal pure returns (Session[] memory) {
        return abi.decode(
            list(
                json,
                "sessions",
                // The names of nested types are only names here, and must not be those of any struct in the project.
                string.concat(
                    "(uint256 chainId,address verifyingContract,Terms session,bytes32 sessionId)",
                    "PayeeTerms(address payee,uint128 limit,uint128 periodLimit,uint32 period)",
                    "Terms(address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay,PayeeTerms[] allowances,bytes32 salt)"
                )
            ),
            (Session[])
        );
    }

    function grants(string memory json) internal pure returns (Grant[] memory) {
        return abi.decode(
            list(json, "grants", "(uint256 sessionIndex,address key,bytes32 digest,address signer,bytes signature)"),
            (Grant[])
        );
    }

    /// `key` is vouchers or rejectedVouchers.
    function vouchers(string memory json, string memory key) internal pure returns (Voucher[] memory) {
        return abi.decode(
            list(
                json,
                key,
                "(string name,uint256 sessionIndex,address payee,uint128 maxClaimable,bytes32 digest,address key,bytes signature,bytes32 r,bytes32 vs)"
            ),
            (Voucher[])
        );
    }

    function actions(string memory json) internal pure returns (Action[] memory) {
        return abi.decode(
            list(
                json,
                "actions",
                "(string type,uint256 sessionIndex,uint256 nonce,uint256 deadline,bytes32 digest,address signer,bytes signature)"
            ),
            (Action[])
        );
    }

    function rotations(string memory json) internal pure returns (Rotation[] memory) {
        return abi.decode(
            list(
                json,
                "rotations",
                "(uint256 sessionIndex,address key,uint256 nonce,uint256 deadline,bytes32 digest,address signer,bytes signature)"
            ),
            (Rotation[])
        );
    }

    function withdrawals(string memory json) internal pure returns (Withdrawal[] memory) {
        return abi.decode(
            list(
                json,
                "withdrawals",
                "(uint256 sessionIndex,address payee,uint128 amount,uint256 nonce,uint256 deadline,bytes32 digest,address signer,bytes signature)"
            ),
            (Withdrawal[])
        );
    }

    function authorizations(string memory json) internal pure returns (Authorization[] memory) {
        return abi.decode(
            list(
                json,
                "authorizations",
                "(uint256 sessionIndex,address key,address payee,uint128 amount,uint256 index,address token,address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce,bytes32 digest,address signer,bytes signature)"
            ),
            (Authorization[])
        );
    }

    function list(string memory json, string memory key, string memory fields) private pure returns (bytes memory) {
        return vm.parseJsonTypeArray(json, string.concat(".", key), string.concat("Entry", fields));
    }
}
