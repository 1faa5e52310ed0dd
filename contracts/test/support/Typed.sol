// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator} from "../../src/ISessionKeyValidator.sol";

/// @notice The EIP-712 hashes of this protocol, written from the design and not from the contract: the tests sign
/// these, so a slip in the contract's own hashing shows up as a refused signature.
library Typed {
    string internal constant ALLOWANCE = "Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)";
    string internal constant SESSION =
        "Session(address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay,Allowance[] allowances,bytes32 salt)";

    function domain(string memory name, string memory version, uint256 chainId, address verifyingContract)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                verifyingContract
            )
        );
    }

    function digest(bytes32 separator, bytes32 structHash) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(hex"1901", separator, structHash));
    }

    function session(ISessionKeyValidator.Session memory s) internal pure returns (bytes32) {
        bytes32[] memory allowances = new bytes32[](s.allowances.length);
        for (uint256 i = 0; i < allowances.length; i++) {
            ISessionKeyValidator.Allowance memory a = s.allowances[i];
            allowances[i] =
                keccak256(abi.encode(keccak256(bytes(ALLOWANCE)), a.payee, a.limit, a.periodLimit, a.period));
        }
        return keccak256(
            abi.encode(
                keccak256(abi.encodePacked(SESSION, ALLOWANCE)),
                s.owner,
                s.token,
                s.validAfter,
                s.validUntil,
                s.settleGrace,
                s.withdrawDelay,
                keccak256(abi.encodePacked(allowances)),
                s.salt
            )
        );
    }

    function grant(ISessionKeyValidator.Session memory s, address key) internal pure returns (bytes32) {
        bytes32 kind = keccak256(abi.encodePacked("SessionGrant(Session session,address key)", ALLOWANCE, SESSION));
        return keccak256(abi.encode(kind, session(s), key));
    }

    function voucher(bytes32 sessionId, address payee, uint128 maxClaimable) internal pure returns (bytes32) {
        bytes32 kind = keccak256("Voucher(bytes32 sessionId,address payee,uint128 maxClaimable)");
        return keccak256(abi.encode(kind, sessionId, payee, maxClaimable));
    }

    /// `kind` is Freeze, Unfreeze or Revoke.
    function action(string memory kind, bytes32 sessionId, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 hash = keccak256(abi.encodePacked(kind, "(bytes32 sessionId,uint256 nonce,uint256 deadline)"));
        return keccak256(abi.encode(hash, sessionId, nonce, deadline));
    }

    function rotateKey(bytes32 sessionId, address key, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 kind = keccak256("RotateKey(bytes32 sessionId,address key,uint256 nonce,uint256 deadline)");
        return keccak256(abi.encode(kind, sessionId, key, nonce, deadline));
    }

    function requestWithdraw(bytes32 sessionId, address payee, uint128 amount, uint256 nonce, uint256 deadline)
        internal
        pure
        returns (bytes32)
    {
        bytes32 kind = keccak256(
            "RequestWithdraw(bytes32 sessionId,address payee,uint128 amount,uint256 nonce,uint256 deadline)"
        );
        return keccak256(abi.encode(kind, sessionId, payee, amount, nonce, deadline));
    }

    function depositNonce(bytes32 sessionId, address key, address payee, uint128 amount, uint256 index)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(sessionId, key, payee, amount, index));
    }

    /// EIP-3009.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce
    ) internal pure returns (bytes32) {
        bytes32 kind = keccak256(
            "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
        );
        return keccak256(abi.encode(kind, from, to, value, validAfter, validBefore, nonce));
    }
}
