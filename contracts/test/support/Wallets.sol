// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// Owners that are contracts (ERC-1271).

/// @notice Accepts what its own key has signed.
contract Wallet {
    address private immutable signer;

    constructor(address signer_) {
        signer = signer_;
    }

    function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 65) return 0xffffffff;
        address by = ecrecover(digest, uint8(signature[64]), bytes32(signature[:32]), bytes32(signature[32:64]));
        return by != address(0) && by == signer ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }

    /// Acts as this wallet.
    function execute(address target, bytes calldata message) external returns (bytes memory answer) {
        bool ok;
        (ok, answer) = target.call(message);
        if (!ok) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }
}

/// @notice Answers every question about a signature in one fixed way.
contract OddWallet {
    enum Way {
        Reverts,
        AnswersNothing,
        AnswersFourBytes,
        AnswersDirty,
        AnswersFullWord
    }

    Way private immutable way;

    constructor(Way way_) {
        way = way_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes32) {
        bytes32 magic = bytes32(bytes4(0x1626ba7e));
        if (way == Way.Reverts) revert("no");
        if (way == Way.AnswersNothing) {
            assembly ("memory-safe") {
                return(0, 0)
            }
        }
        if (way == Way.AnswersFourBytes) {
            assembly ("memory-safe") {
                mstore(0, magic)
                return(0, 4)
            }
        }
        // The right word with something behind it.
        if (way == Way.AnswersDirty) return magic | bytes32(uint256(1));
        return magic;
    }
}
