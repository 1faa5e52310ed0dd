// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

/// @title Payments by session key
/// @notice An owner authorizes once: a session names the payees that may be paid, how much each, and until
/// when. A key, granted with the session, signs cumulative vouchers; it can never call anything. Payees
/// collect in batches. All amounts are atomic units of the session's token (1 USDC = 1,000,000).
/// @dev Everything is kept per (session, payee): two payees can never be promised the same money, and what
/// one does never blocks the other.
interface ISessionKeyValidator {
    /// @notice What one payee may be paid.
    struct Allowance {
        /// Who may collect.
        address payee;
        /// The most that may lie in escrow for this payee; zero allows nothing.
        uint128 limit;
        /// Accrues this much each period; ignored when `period` is zero.
        uint128 periodLimit;
        /// Length of a period in seconds; zero: no limit besides `limit`.
        uint32 period;
    }

    /// @notice What an owner authorizes. Its EIP-712 hash is the session's id.
    struct Session {
        address owner;
        address token;
        /// Unix seconds; usable from here (inclusive)
        uint48 validAfter;
        /// to here (exclusive).
        uint48 validUntil;
        /// Seconds for which earned vouchers stay claimable after expiry, freeze or revocation.
        uint32 settleGrace;
        /// Seconds between a withdrawal request and the withdrawal.
        uint32 withdrawDelay;
        /// 1 to 16, each payee once.
        Allowance[] allowances;
        bytes32 salt;
    }

    /// @notice One voucher's line in a batch.
    struct Claim {
        bytes32 sessionId;
        /// Cumulative, as signed in the voucher.
        uint128 maxClaimable;
        /// Cumulative, what shall be claimed after this batch; at most `maxClaimable`.
        uint128 totalClaimed;
        /// Compact signature of the voucher (ERC-2098), low-s.
        bytes32 r;
        bytes32 vs;
    }

    /// @notice Why a claim is (not) good. The numbers never change their meaning.
    enum ClaimStatus {
        Ok, // 0
        UnknownSession, // 1
        WrongToken, // 2 the batch's token is not the session's
        UnknownPayee, // 3 the session does not name this payee
        NotYetValid, // 4 before validAfter
        ClaimWindowClosed, // 5 after expiry, freeze or revocation plus settleGrace
        AlreadyClaimed, // 6 totalClaimed is not above what was claimed: a replay
        AboveVoucher, // 7 totalClaimed is above maxClaimable
        AboveEscrow, // 8 totalClaimed is above the escrow
        AbovePeriodLimit, // 9
        BadSignature // 10 not by the session's key, or malformed, or high-s
    }

    /// @notice Where a session is.
    enum SessionStatus {
        None, // 0 not registered
        Pending, // 1 before validAfter
        Active, // 2
        Frozen, // 3 by its owner
        Revoked, // 4 for ever
        Expired // 5
    }

    /// @notice A session as the contract has it.
    struct SessionState {
        SessionStatus status;
        address owner;
        address token;
        address key;
        /// The key before the last rotation, and until when its vouchers are claimable.
        address previousKey;
        uint48 previousKeyUntil;
        uint48 validAfter;
        uint48 validUntil;
        uint32 settleGrace;
        uint32 withdrawDelay;
        /// Until when earned vouchers are claimable as things are now (validUntil, frozen or revoked + settleGrace).
        uint48 claimableUntil;
        /// Next nonce for signed owner actions.
        uint256 nonce;
    }

    /// @notice One payee's part of a session.
    struct EscrowState {
        uint128 limit;
        uint128 periodLimit;
        uint32 period;
        /// Deposits less withdrawals; claims are not taken off. Never above `limit`.
        uint128 escrow;
        /// Cumulative; never above `escrow`.
        uint128 claimed;
        /// A withdrawal that was asked for; zero when none.
        uint128 withdrawAmount;
        uint48 withdrawAvailableAt;
        /// The payee's guardian has frozen this part.
        bool guardianFrozen;
    }

    // --- what happened

    event TokenAllowed(address indexed token);
    event SessionRegistered(bytes32 indexed sessionId, address indexed owner, address indexed key, Session session);
    event Deposited(
        bytes32 indexed sessionId, address indexed payee, address indexed from, uint128 amount, uint128 escrow
    );
    event Frozen(bytes32 indexed sessionId, uint48 claimableUntil);
    event Unfrozen(bytes32 indexed sessionId);
    event Revoked(bytes32 indexed sessionId, uint48 claimableUntil);
    event GuardianFrozen(bytes32 indexed sessionId, address indexed payee, address indexed guardian);
    event GuardianUnfrozen(bytes32 indexed sessionId, address indexed payee, address indexed guardian);
    event KeyRotated(
        bytes32 indexed sessionId, address indexed previousKey, address indexed key, uint48 previousKeyUntil
    );
    event WithdrawRequested(bytes32 indexed sessionId, address indexed payee, uint128 amount, uint48 availableAt);
    event WithdrawCancelled(bytes32 indexed sessionId, address indexed payee);
    event Withdrawn(bytes32 indexed sessionId, address indexed payee, uint128 amount, uint128 escrow);
    event Claimed(bytes32 indexed sessionId, address indexed payee, uint128 amount, uint128 totalClaimed);
    event ClaimSkipped(bytes32 indexed sessionId, address indexed payee, ClaimStatus reason);
    event BatchSettled(
        bytes32 indexed evidenceRoot,
        address indexed payee,
        address indexed token,
        address settler,
        uint256 total,
        uint256 settled,
        uint256 skipped
    );
    event SettlerSet(address indexed payee, address indexed settler, bool approved);
    event GuardianSet(address indexed payee, address indexed guardian);

    // --- why a call is refused

    error SessionExists(bytes32 sessionId);
    /// No such session is registered.
    error SessionUnknown(bytes32 sessionId);
    /// The session's fields break a rule; `reason` is short and stable: "owner" (zero), "token" (zero), "window"
    /// (empty or over), "settleGrace" and "withdrawDelay" (not within 15 minutes to 30 days), "allowances" (not 1 to
    /// 16, or a limit of zero), "payee" (zero or twice), "key" (zero; in a rotation also the one it has).
    error InvalidSession(string reason);
    /// The token is not one of those that the contract was deployed with.
    error TokenNotAllowed(address token);
    error NotOwner(address caller);
    error NotGuardian(address caller);
    error NotSettler(address caller);
    error BadOwnerSignature();
    error SignatureExpired(uint256 deadline);
    error BadNonce(uint256 expected, uint256 given);
    /// The session is registered, but with another key than the authorization was signed for.
    error KeyMismatch(address registered, address given);
    error UnknownPayeeOf(bytes32 sessionId, address payee);
    error ZeroAmount();
    /// Nothing (or, for the owner's own deposit, not all) of the amount fits under the limit.
    error LimitExceeded(uint128 limit, uint256 wouldBe);
    /// The token moved another amount than it was asked to (fee on transfer).
    error WrongAmountReceived(uint256 expected, uint256 received);
    /// The action does not fit the session's status, for example unfreezing one that is not frozen.
    error WrongStatus(SessionStatus status);
    error WithdrawalPending();
    error NoWithdrawal();
    error WithdrawalNotReady(uint48 availableAt);
    error EmptyBatch();
    error BatchTooLarge(uint256 claims, uint256 most);

    // --- sessions

    /// @notice Registers a session; only its owner. @return sessionId its id.
    function registerSession(Session calldata session, address key) external returns (bytes32 sessionId);
    /// @notice The same, by anybody who has the owner's signature of `SessionGrant` (EOA or ERC-1271).
    function registerSessionWithSig(Session calldata session, address key, bytes calldata signature)
        external
        returns (bytes32 sessionId);
    /// @notice Registers and funds with the owner's one signature: an EIP-3009 `ReceiveWithAuthorization` from
    /// the owner to this contract whose nonce is `depositNonce(sessionId, key, payee, amount, index)`, valid in
    /// (validAfter, validBefore). When the session is registered already with the same key it only deposits.
    function openWithAuthorization(
        Session calldata session,
        address key,
        address payee,
        uint128 amount,
        uint256 index,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external returns (bytes32 sessionId);

    /// @notice Puts money in escrow for a payee; by the owner, who must have approved the token. All or nothing.
    function deposit(bytes32 sessionId, address payee, uint128 amount) external;
    /// @notice The same with somebody else's money (the caller's). What is withdrawn goes to the owner.
    /// Takes no more than still fits under the limit; refused only when nothing does.
    function depositFor(bytes32 sessionId, address payee, uint128 amount) external;
    /// @notice The same with an EIP-3009 authorization of `from` whose nonce is
    /// `depositNonce(sessionId, address(0), payee, amount, index)`. What does not fit under the limit goes back to
    /// `from`, here and in `openWithAuthorization`: the amount cannot be changed once it is signed, and nobody's
    /// dust shall make it fail. Refused only when nothing fits.
    function depositWithAuthorization(
        bytes32 sessionId,
        address payee,
        address from,
        uint128 amount,
        uint256 index,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external;

    /// @notice The owner's freeze: nothing more may be earned; what was earned is claimable for settleGrace.
    function freeze(bytes32 sessionId) external;
    /// @notice The same, by anybody who has the owner's signature. Nonces are sequential per session.
    function freezeWithSig(bytes32 sessionId, uint256 nonce, uint256 deadline, bytes calldata signature) external;
    /// @notice Lifts the owner's freeze, as long as the session has not expired.
    function unfreeze(bytes32 sessionId) external;
    /// @notice The same, by anybody who has the owner's signature.
    function unfreezeWithSig(bytes32 sessionId, uint256 nonce, uint256 deadline, bytes calldata signature) external;
    /// @notice Ends the session for ever; what was earned is claimable for settleGrace, counted from the freeze
    /// when there was one.
    function revoke(bytes32 sessionId) external;
    /// @notice The same, by anybody who has the owner's signature.
    function revokeWithSig(bytes32 sessionId, uint256 nonce, uint256 deadline, bytes calldata signature) external;
    /// @notice Replaces the key; vouchers of the old one stay claimable for settleGrace, also when the new one is
    /// replaced within that time.
    function rotateKey(bytes32 sessionId, address key) external;
    /// @notice The same, by anybody who has the owner's signature.
    function rotateKeyWithSig(bytes32 sessionId, address key, uint256 nonce, uint256 deadline, bytes calldata signature)
        external;

    /// @notice By the payee's guardian: marks this payee's part as frozen. Moves no money, ends no claims, does
    /// not touch the owner's freeze.
    function guardianFreeze(bytes32 sessionId, address payee) external;
    /// @notice By the payee's guardian: takes the mark off.
    function guardianUnfreeze(bytes32 sessionId, address payee) external;

    // --- withdrawals: always to the owner

    /// @notice Asks for up to `amount` back (2^128-1: all); paid is the lesser of it and escrow − claimed when
    /// it is finalized. One request at a time per payee.
    /// A payee must count `withdrawAmount` as gone from the request on, deposits made meanwhile included: when the
    /// delay is over the money may leave without another notice.
    function requestWithdraw(bytes32 sessionId, address payee, uint128 amount) external;
    /// @notice The same, by anybody who has the owner's signature.
    function requestWithdrawWithSig(
        bytes32 sessionId,
        address payee,
        uint128 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external;
    /// @notice Takes a request back; by the owner.
    function cancelWithdraw(bytes32 sessionId, address payee) external;
    /// @notice Pays a withdrawal out to the owner. By anybody, once the delay is over.
    function finalizeWithdraw(bytes32 sessionId, address payee) external;

    // --- payees

    /// @notice Lets another address settle for the caller, or no longer.
    function setSettler(address settler, bool approved) external;
    /// @notice Names the caller's guardian; zero for none.
    function setGuardian(address guardian) external;
    /// @notice Collects. By the payee or its settler. A bad claim is skipped with its reason and never reverts
    /// the batch; only a wrong caller and a wrong shape (0 or more than 200 claims) revert. One transfer.
    /// @param evidenceRoot Merkle root over the charges that this batch pays for.
    function settleBatch(bytes32 evidenceRoot, address payee, address token, Claim[] calldata claims)
        external
        returns (uint256 total);

    // --- views

    /// @notice What `settleBatch` would say of this claim now.
    function checkClaim(address payee, address token, Claim calldata claim) external view returns (ClaimStatus);
    /// @notice Deposits less withdrawals of one payee's part.
    function escrow(bytes32 sessionId, address payee) external view returns (uint128);
    /// @notice What one payee has claimed in all.
    function claimed(bytes32 sessionId, address payee) external view returns (uint128);
    /// @notice One payee's part; all zero when the session does not name the payee.
    function escrowState(bytes32 sessionId, address payee) external view returns (EscrowState memory);
    /// @notice A session; all zero when it is not registered.
    function sessionState(bytes32 sessionId) external view returns (SessionState memory);
    /// @notice The EIP-712 digest that a session's key signs.
    function voucherDigest(bytes32 sessionId, address payee, uint128 maxClaimable) external view returns (bytes32);
    /// @notice The EIP-712 hash of a session under this contract's domain.
    function sessionIdOf(Session calldata session) external view returns (bytes32);
    /// @notice The EIP-712 digest of `SessionGrant(Session session,address key)` that an owner signs.
    function grantDigest(Session calldata session, address key) external view returns (bytes32);
    /// @notice keccak256(abi.encode(sessionId, key, payee, amount, index)).
    function depositNonce(bytes32 sessionId, address key, address payee, uint128 amount, uint256 index)
        external
        pure
        returns (bytes32);
    /// @notice Whether `settler` may settle for `payee`; the payee itself always may.
    function isSettler(address payee, address settler) external view returns (bool);
    /// @notice The payee's guardian; zero for none.
    function guardianOf(address payee) external view returns (address);
    /// @notice Whether sessions may be in this token.
    function isTokenAllowed(address token) external view returns (bool);
    /// @notice The EIP-712 domain separator of this contract on this chain.
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}
