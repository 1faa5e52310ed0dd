// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/// @title A token that behaves like USDC, for tests and local chains ONLY
/// @notice Anybody can mint any amount: worth nothing, and never to be deployed where value is.
/// @dev What Tollbook uses of FiatToken 2.2: ERC-20 with 6 decimals, ERC-3009 with both forms of signature, the
/// EIP-712 domain ("USD Coin", "2"), and a deny-list. Written from the standards, not from Circle's source: reasons
/// for refusal are custom errors here and texts there.
contract TestUSDC is ERC20, EIP712 {
    bytes32 public constant TRANSFER_WITH_AUTHORIZATION_TYPEHASH = keccak256(
        "TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 public constant RECEIVE_WITH_AUTHORIZATION_TYPEHASH = keccak256(
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
    );
    bytes32 public constant CANCEL_AUTHORIZATION_TYPEHASH =
        keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");

    /// @notice Keeps the deny-list: who deployed the token.
    address public immutable blacklister;

    mapping(address account => bool) private _blacklisted;
    mapping(address authorizer => mapping(bytes32 nonce => bool used)) private _authorizationUsed;

    event AuthorizationUsed(address indexed authorizer, bytes32 indexed nonce);
    event AuthorizationCanceled(address indexed authorizer, bytes32 indexed nonce);
    event Blacklisted(address indexed account);
    event UnBlacklisted(address indexed account);

    error CallerIsNotBlacklister(address caller);
    error AccountBlacklisted(address account);
    error CallerIsNotPayee(address caller);
    error AuthorizationNotYetValid(uint256 validAfter);
    error AuthorizationExpired(uint256 validBefore);
    error AuthorizationUsedOrCanceled(address authorizer, bytes32 nonce);
    error InvalidSignature();

    constructor() ERC20("USD Coin", "USDC") EIP712("USD Coin", "2") {
        blacklister = msg.sender;
    }

    /// @notice Money out of nothing, for anybody.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    /// @notice As the real one: 1 USDC is 1,000,000.
    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Version of the EIP-712 domain.
    function version() external pure returns (string memory) {
        return "2";
    }

    /// @notice The EIP-712 domain separator of this token on this chain.
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // --- deny-list

    /// @notice Puts an account on the deny-list: it can neither send nor receive, nor be anybody's spender.
    function blacklist(address account) external {
        _onlyBlacklister();
        _blacklisted[account] = true;
        emit Blacklisted(account);
    }

    /// @notice Takes an account off the deny-list.
    function unBlacklist(address account) external {
        _onlyBlacklister();
        _blacklisted[account] = false;
        emit UnBlacklisted(account);
    }

    /// @notice Whether an account is on the deny-list.
    function isBlacklisted(address account) external view returns (bool) {
        return _blacklisted[account];
    }

    // --- ERC-3009

    /// @notice Whether the nonce was used or canceled.
    function authorizationState(address authorizer, bytes32 nonce) external view returns (bool) {
        return _authorizationUsed[authorizer][nonce];
    }

    /// @notice Moves what `from` signed for; by anybody.
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        transferWithAuthorization(from, to, value, validAfter, validBefore, nonce, abi.encodePacked(r, s, v));
    }

    /// @notice Moves what `from` signed for; by anybody. The signature may be a contract's (ERC-1271).
    function transferWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) public {
        bytes32 structHash = keccak256(
            abi.encode(TRANSFER_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce)
        );
        _useWithin(from, nonce, validAfter, validBefore, structHash, signature);
        _transfer(from, to, value);
    }

    /// @notice Moves what `from` signed for; only by the receiver.
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external {
        receiveWithAuthorization(from, to, value, validAfter, validBefore, nonce, abi.encodePacked(r, s, v));
    }

    /// @notice Moves what `from` signed for; only by the receiver. The signature may be a contract's (ERC-1271).
    function receiveWithAuthorization(
        address from,
        address to,
        uint256 value,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce,
        bytes memory signature
    ) public {
        // Otherwise a transfer that the receiver's contract should have booked could be made behind its back.
        if (msg.sender != to) revert CallerIsNotPayee(msg.sender);
        bytes32 structHash =
            keccak256(abi.encode(RECEIVE_WITH_AUTHORIZATION_TYPEHASH, from, to, value, validAfter, validBefore, nonce));
        _useWithin(from, nonce, validAfter, validBefore, structHash, signature);
        _transfer(from, to, value);
    }

    /// @notice Makes an authorization worthless that was signed but not used.
    function cancelAuthorization(address authorizer, bytes32 nonce, uint8 v, bytes32 r, bytes32 s) external {
        cancelAuthorization(authorizer, nonce, abi.encodePacked(r, s, v));
    }

    /// @notice Makes an authorization worthless that was signed but not used. The signature may be a contract's.
    function cancelAuthorization(address authorizer, bytes32 nonce, bytes memory signature) public {
        bytes32 structHash = keccak256(abi.encode(CANCEL_AUTHORIZATION_TYPEHASH, authorizer, nonce));
        _use(authorizer, nonce, structHash, signature);
        emit AuthorizationCanceled(authorizer, nonce);
    }

    // --- inside

    function _useWithin(
        address authorizer,
        bytes32 nonce,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 structHash,
        bytes memory signature
    ) private {
        if (block.timestamp <= validAfter) revert AuthorizationNotYetValid(validAfter);
        if (block.timestamp >= validBefore) revert AuthorizationExpired(validBefore);
        _use(authorizer, nonce, structHash, signature);
        emit AuthorizationUsed(authorizer, nonce);
    }

    function _use(address authorizer, bytes32 nonce, bytes32 structHash, bytes memory signature) private {
        if (_authorizationUsed[authorizer][nonce]) revert AuthorizationUsedOrCanceled(authorizer, nonce);
        if (!SignatureChecker.isValidSignatureNow(authorizer, _hashTypedDataV4(structHash), signature)) {
            revert InvalidSignature();
        }
        _authorizationUsed[authorizer][nonce] = true;
    }

    function _onlyBlacklister() private view {
        if (msg.sender != blacklister) revert CallerIsNotBlacklister(msg.sender);
    }

    /// @dev Every movement passes here, minting too.
    function _update(address from, address to, uint256 value) internal override {
        if (_blacklisted[from]) revert AccountBlacklisted(from);
        if (_blacklisted[to]) revert AccountBlacklisted(to);
        super._update(from, to, value);
    }

    /// @dev Passed by each transfer by allowance: a spender on the list cannot move other people's money either.
    function _spendAllowance(address owner, address spender, uint256 value) internal override {
        if (_blacklisted[spender]) revert AccountBlacklisted(spender);
        super._spendAllowance(owner, spender, value);
    }
}
