// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title The one function of ERC-3009 that this project calls
/// @dev The variant with the signature as bytes, which USDC has had since FiatToken 2.2: it also accepts ERC-1271
/// owners, which the (v, r, s) variant cannot.
interface IERC3009 {
    /// @notice Moves `value` from `from` to `to`; the token refuses any caller but `to`.
    /// @param from Whose money it is, and who signed.
    /// @param to The receiver, who must be the caller.
    /// @param value Atomic units.
    /// @param validAfter Unix seconds, exclusive.
    /// @param validBefore Unix seconds, exclusive.
    /// @param nonce Any 32 bytes that `from` has not used yet; not sequential.
    /// @param signature 65 bytes of an EOA, or whatever the contract at `from` accepts.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes calldata signature
    ) external;
}
