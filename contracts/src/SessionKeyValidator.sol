// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {IERC3009} from "./IERC3009.sol";
import {ISessionKeyValidator} from "./ISessionKeyValidator.sol";

/// @title Payments by session key: the escrow
/// @notice See {ISessionKeyValidator} for what each function means to its caller.
/// @dev Nobody administers this contract and it cannot be upgraded: the tokens it takes are fixed when it is
/// deployed, and after that only owners, payees and those whom they name can do anything.
///
/// Two rules hold for every (session, payee) after every call: `claimed <= escrow <= limit`, and the contract's
/// balance of a token is at least the sum of `escrow - claimed` over all parts in that token.
///
/// Storage is arranged around `settleBatch`: a usual claim reads one slot of the session and one of the payee's
/// part, and writes only the latter.
contract SessionKeyValidator is ISessionKeyValidator, EIP712, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev A session without its allowances, which are kept per payee.
    struct SessionData {
        // First slot: all that a usual claim needs to know of its session.
        // Zero: not registered.
        address key;
        // Follows from validUntil, frozenAt, revokedAt and settleGrace. Kept instead of worked out for each claim,
        // because these four do not fit beside the key.
        uint48 claimableUntil;
        // Position in `_tokens`, counted from 1; a number instead of the address so that it fits here.
        uint8 tokenNumber;
        // Registered before validAfter: claims have to look at validAfter, which is in another slot.
        bool startsLater;
        // Some allowance has a period: claims have to look at the payee's period limit.
        bool periodic;
        // Second slot.
        address owner;
        uint48 validAfter;
        uint48 validUntil;
        // Third slot.
        uint32 settleGrace;
        uint32 withdrawDelay;
        uint48 frozenAt;
        uint48 revokedAt;
        uint96 nonce;
        // Fourth slot, written by the first rotation.
        address previousKey;
        // Until when vouchers of a key that was replaced stay claimable. All of them, not only the last: with two
        // rotations in a row an owner could otherwise take back what the first key had promised.
        mapping(address key => uint48 until) retiredUntil;
    }

    /// @dev One payee's part of one session.
    struct Part {
        // First slot: the only one that a usual claim reads and writes.
        uint128 escrow;
        uint128 claimed;
        // Second slot.
        uint128 periodLimit;
        uint32 period;
        uint48 withdrawAvailableAt;
        bool guardianFrozen;
        // Third slot. The limit is never zero for a payee whom the session names.
        uint128 limit;
        uint128 withdrawAmount;
    }

    /// @dev An ERC-3009 authorization as it was handed in.
    struct Authorization {
        address from;
        uint256 validAfter;
        uint256 validBefore;
        bytes32 nonce;
        bytes signature;
    }

    bytes32 private constant ALLOWANCE_TYPEHASH =
        keccak256("Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)");
    bytes32 private constant SESSION_TYPEHASH = keccak256(
        "Session(address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay,Allowance[] allowances,bytes32 salt)"
        "Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)"
    );
    bytes32 private constant SESSION_GRANT_TYPEHASH = keccak256(
        "SessionGrant(Session session,address key)"
        "Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)"
        "Session(address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay,Allowance[] allowances,bytes32 salt)"
    );
    bytes32 private constant VOUCHER_TYPEHASH =
        keccak256("Voucher(bytes32 sessionId,address payee,uint128 maxClaimable)");
    bytes32 private constant FREEZE_TYPEHASH = keccak256("Freeze(bytes32 sessionId,uint256 nonce,uint256 deadline)");
    bytes32 private constant UNFREEZE_TYPEHASH =
        keccak256("Unfreeze(bytes32 sessionId,uint256 nonce,uint256 deadline)");
    bytes32 private constant REVOKE_TYPEHASH = keccak256("Revoke(bytes32 sessionId,uint256 nonce,uint256 deadline)");
    bytes32 private constant ROTATE_KEY_TYPEHASH =
        keccak256("RotateKey(bytes32 sessionId,address key,uint256 nonce,uint256 deadline)");
    bytes32 private constant REQUEST_WITHDRAW_TYPEHASH =
        keccak256("RequestWithdraw(bytes32 sessionId,address payee,uint128 amount,uint256 nonce,uint256 deadline)");

    /// @dev Both delays: long enough for a payee to get a settlement mined, short enough that money is not lost
    /// behind a typing error.
    uint32 private constant DELAY_LEAST = 15 minutes;
    uint32 private constant DELAY_MOST = 30 days;
    uint256 private constant ALLOWANCES_MOST = 16;
    /// @dev Keeps a batch well below what any chain in question allows for one transaction.
    uint256 private constant CLAIMS_MOST = 200;

    /// @dev Number n (from 1) is at n - 1.
    address[] private _tokens;
    mapping(address token => uint8 number) private _tokenNumbers;

    mapping(bytes32 sessionId => SessionData) private _sessions;
    /// @dev By payee first, because a batch has one payee: its half of the look-up is done once.
    mapping(address payee => mapping(bytes32 sessionId => Part)) private _parts;

    mapping(address payee => mapping(address settler => bool)) private _settlers;
    mapping(address payee => address guardian) private _guardians;

    /// @param tokens What sessions may be in; at most 255. Only tokens that move exactly what they are asked to.
    constructor(address[] memory tokens) EIP712("SessionKeyValidator", "1") {
        for (uint256 i = 0; i < tokens.length; ++i) {
            address token = tokens[i];
            // Twice the same, or one that cannot be one, is a mistake in the deployment.
            if (token == address(0) || _tokenNumbers[token] != 0 || i == type(uint8).max) {
                revert TokenNotAllowed(token);
            }
            _tokens.push(token);
            // At most 255, see above.
            // forge-lint: disable-next-line(unsafe-typecast)
            _tokenNumbers[token] = uint8(i + 1);
            emit TokenAllowed(token);
        }
    }

    // --- sessions

    /// @inheritdoc ISessionKeyValidator
    function registerSession(Session calldata session, address key) external returns (bytes32 sessionId) {
        if (msg.sender != session.owner) revert NotOwner(msg.sender);
        sessionId = sessionIdOf(session);
        _register(sessionId, session, key);
    }

    /// @inheritdoc ISessionKeyValidator
    function registerSessionWithSig(Session calldata session, address key, bytes calldata signature)
        external
        returns (bytes32 sessionId)
    {
        bytes32 structHash = _sessionStructHash(session);
        sessionId = _hashTypedDataV4(structHash);
        if (!SignatureChecker.isValidSignatureNowCalldata(session.owner, _grantDigest(structHash, key), signature)) {
            revert BadOwnerSignature();
        }
        _register(sessionId, session, key);
    }

    /// @inheritdoc ISessionKeyValidator
    /// @dev That the owner grants this session to this key is in the authorization's nonce, which the token checks
    /// together with the signature. The check of what arrived makes sure that the token did: one that has no such
    /// function but a fallback that swallows the call moves nothing.
    function openWithAuthorization(
        Session calldata session,
        address key,
        address payee,
        uint128 amount,
        uint256 index,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant returns (bytes32 sessionId) {
        sessionId = _registerOnce(session, key);
        Authorization memory authorization;
        authorization.nonce = depositNonce(sessionId, key, payee, amount, index);
        authorization.from = session.owner;
        authorization.validAfter = validAfter;
        authorization.validBefore = validBefore;
        authorization.signature = signature;
        _depositAuthorized(sessionId, payee, amount, authorization);
    }

    /// @inheritdoc ISessionKeyValidator
    /// @dev All or nothing, because the owner said an amount and is there to say another. Somebody else's deposit
    /// may come first and make this one fail; that costs them what they put in, which is the owner's from then on.
    /// Deposits that were signed beforehand cannot be changed, so those take what fits.
    function deposit(bytes32 sessionId, address payee, uint128 amount) external nonReentrant {
        SessionData storage session = _known(sessionId);
        if (msg.sender != session.owner) revert NotOwner(msg.sender);
        _credit(sessionId, session, payee, msg.sender, amount, false);
        _pull(_tokenOf(session), msg.sender, amount);
    }

    /// @inheritdoc ISessionKeyValidator
    function depositFor(bytes32 sessionId, address payee, uint128 amount) external nonReentrant {
        SessionData storage session = _known(sessionId);
        uint128 accepted = _credit(sessionId, session, payee, msg.sender, amount, true);
        _pull(_tokenOf(session), msg.sender, accepted);
    }

    /// @inheritdoc ISessionKeyValidator
    function depositWithAuthorization(
        bytes32 sessionId,
        address payee,
        address from,
        uint128 amount,
        uint256 index,
        uint256 validAfter,
        uint256 validBefore,
        bytes calldata signature
    ) external nonReentrant {
        Authorization memory authorization;
        authorization.nonce = depositNonce(sessionId, address(0), payee, amount, index);
        authorization.from = from;
        authorization.validAfter = validAfter;
        authorization.validBefore = validBefore;
        authorization.signature = signature;
        _depositAuthorized(sessionId, payee, amount, authorization);
    }

    /// @inheritdoc ISessionKeyValidator
    function freeze(bytes32 sessionId) external {
        _freeze(sessionId, _owned(sessionId));
    }

    /// @inheritdoc ISessionKeyValidator
    function freezeWithSig(bytes32 sessionId, uint256 nonce, uint256 deadline, bytes calldata signature) external {
        _freeze(sessionId, _signedAction(FREEZE_TYPEHASH, sessionId, nonce, deadline, signature));
    }

    /// @inheritdoc ISessionKeyValidator
    function unfreeze(bytes32 sessionId) external {
        _unfreeze(sessionId, _owned(sessionId));
    }

    /// @inheritdoc ISessionKeyValidator
    function unfreezeWithSig(bytes32 sessionId, uint256 nonce, uint256 deadline, bytes calldata signature) external {
        _unfreeze(sessionId, _signedAction(UNFREEZE_TYPEHASH, sessionId, nonce, deadline, signature));
    }

    /// @inheritdoc ISessionKeyValidator
    function revoke(bytes32 sessionId) external {
        _revoke(sessionId, _owned(sessionId));
    }

    /// @inheritdoc ISessionKeyValidator
    function revokeWithSig(bytes32 sessionId, uint256 nonce, uint256 deadline, bytes calldata signature) external {
        _revoke(sessionId, _signedAction(REVOKE_TYPEHASH, sessionId, nonce, deadline, signature));
    }

    /// @inheritdoc ISessionKeyValidator
    function rotateKey(bytes32 sessionId, address key) external {
        _rotateKey(sessionId, _owned(sessionId), key);
    }

    /// @inheritdoc ISessionKeyValidator
    function rotateKeyWithSig(bytes32 sessionId, address key, uint256 nonce, uint256 deadline, bytes calldata signature)
        external
    {
        SessionData storage session = _known(sessionId);
        bytes32 structHash = keccak256(abi.encode(ROTATE_KEY_TYPEHASH, sessionId, key, nonce, deadline));
        _useOwnerSignature(session, structHash, nonce, deadline, signature);
        _rotateKey(sessionId, session, key);
    }

    /// @inheritdoc ISessionKeyValidator
    /// @dev Freezing what is frozen does nothing and is no error: a rule engine may say it twice.
    function guardianFreeze(bytes32 sessionId, address payee) external {
        Part storage part = _guarded(sessionId, payee);
        if (part.guardianFrozen) return;
        part.guardianFrozen = true;
        emit GuardianFrozen(sessionId, payee, msg.sender);
    }

    /// @inheritdoc ISessionKeyValidator
    function guardianUnfreeze(bytes32 sessionId, address payee) external {
        Part storage part = _guarded(sessionId, payee);
        if (!part.guardianFrozen) return;
        part.guardianFrozen = false;
        emit GuardianUnfrozen(sessionId, payee, msg.sender);
    }

    // --- withdrawals

    /// @inheritdoc ISessionKeyValidator
    function requestWithdraw(bytes32 sessionId, address payee, uint128 amount) external {
        _requestWithdraw(sessionId, _owned(sessionId), payee, amount);
    }

    /// @inheritdoc ISessionKeyValidator
    function requestWithdrawWithSig(
        bytes32 sessionId,
        address payee,
        uint128 amount,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) external {
        SessionData storage session = _known(sessionId);
        bytes32 structHash = keccak256(abi.encode(REQUEST_WITHDRAW_TYPEHASH, sessionId, payee, amount, nonce, deadline));
        _useOwnerSignature(session, structHash, nonce, deadline, signature);
        _requestWithdraw(sessionId, session, payee, amount);
    }

    /// @inheritdoc ISessionKeyValidator
    function cancelWithdraw(bytes32 sessionId, address payee) external {
        _owned(sessionId);
        Part storage part = _named(sessionId, payee);
        if (part.withdrawAmount == 0) revert NoWithdrawal();
        part.withdrawAmount = 0;
        part.withdrawAvailableAt = 0;
        emit WithdrawCancelled(sessionId, payee);
    }

    /// @inheritdoc ISessionKeyValidator
    /// @dev Claims that came first have the first right to the money. When they left nothing the request still ends
    /// here, with a withdrawal of zero, so that the next one can be made.
    function finalizeWithdraw(bytes32 sessionId, address payee) external nonReentrant {
        SessionData storage session = _known(sessionId);
        Part storage part = _named(sessionId, payee);
        uint128 amount = part.withdrawAmount;
        if (amount == 0) revert NoWithdrawal();
        uint48 availableAt = part.withdrawAvailableAt;
        if (block.timestamp < availableAt) revert WithdrawalNotReady(availableAt);

        uint128 held = part.escrow;
        uint128 free = held - part.claimed;
        if (amount > free) amount = free;

        part.withdrawAmount = 0;
        part.withdrawAvailableAt = 0;
        part.escrow = held - amount;
        emit Withdrawn(sessionId, payee, amount, held - amount);
        if (amount != 0) IERC20(_tokenOf(session)).safeTransfer(session.owner, amount);
    }

    // --- payees

    /// @inheritdoc ISessionKeyValidator
    function setSettler(address settler, bool approved) external {
        _settlers[msg.sender][settler] = approved;
        emit SettlerSet(msg.sender, settler, approved);
    }

    /// @inheritdoc ISessionKeyValidator
    function setGuardian(address guardian) external {
        _guardians[msg.sender] = guardian;
        emit GuardianSet(msg.sender, guardian);
    }

    /// @inheritdoc ISessionKeyValidator
    /// @dev Each claim is written before the next is judged, so a session that is named twice is judged against
    /// what its first claim left. The token is called last, and once.
    function settleBatch(bytes32 evidenceRoot, address payee, address token, Claim[] calldata claims)
        external
        nonReentrant
        returns (uint256 total)
    {
        if (msg.sender != payee && !_settlers[payee][msg.sender]) revert NotSettler(msg.sender);
        if (claims.length == 0) revert EmptyBatch();
        if (claims.length > CLAIMS_MOST) revert BatchTooLarge(claims.length, CLAIMS_MOST);

        uint256 settled;
        (total, settled) = _collect(payee, _tokenNumbers[token], claims);

        emit BatchSettled(evidenceRoot, payee, token, msg.sender, total, settled, claims.length - settled);
        if (total != 0) IERC20(token).safeTransfer(payee, total);
    }

    // --- views

    /// @inheritdoc ISessionKeyValidator
    function checkClaim(address payee, address token, Claim calldata claim) external view returns (ClaimStatus status) {
        (status,,) = _judge(_parts[payee][claim.sessionId], payee, _tokenNumbers[token], _domainSeparatorV4(), claim);
    }

    /// @inheritdoc ISessionKeyValidator
    function escrow(bytes32 sessionId, address payee) external view returns (uint128) {
        return _parts[payee][sessionId].escrow;
    }

    /// @inheritdoc ISessionKeyValidator
    function claimed(bytes32 sessionId, address payee) external view returns (uint128) {
        return _parts[payee][sessionId].claimed;
    }

    /// @inheritdoc ISessionKeyValidator
    function escrowState(bytes32 sessionId, address payee) external view returns (EscrowState memory) {
        Part storage part = _parts[payee][sessionId];
        return EscrowState({
            limit: part.limit,
            periodLimit: part.periodLimit,
            period: part.period,
            escrow: part.escrow,
            claimed: part.claimed,
            withdrawAmount: part.withdrawAmount,
            withdrawAvailableAt: part.withdrawAvailableAt,
            guardianFrozen: part.guardianFrozen
        });
    }

    /// @inheritdoc ISessionKeyValidator
    /// @dev All zero for a session that is not registered.
    function sessionState(bytes32 sessionId) external view returns (SessionState memory state) {
        SessionData storage session = _sessions[sessionId];
        state.status = _statusOf(session);
        if (state.status == SessionStatus.None) return state;
        state.owner = session.owner;
        state.token = _tokenOf(session);
        state.key = session.key;
        state.previousKey = session.previousKey;
        state.previousKeyUntil = session.retiredUntil[state.previousKey];
        state.validAfter = session.validAfter;
        state.validUntil = session.validUntil;
        state.settleGrace = session.settleGrace;
        state.withdrawDelay = session.withdrawDelay;
        state.claimableUntil = session.claimableUntil;
        state.nonce = session.nonce;
    }

    /// @inheritdoc ISessionKeyValidator
    function voucherDigest(bytes32 sessionId, address payee, uint128 maxClaimable) external view returns (bytes32) {
        return _voucherDigest(_domainSeparatorV4(), sessionId, payee, maxClaimable);
    }

    /// @inheritdoc ISessionKeyValidator
    function sessionIdOf(Session calldata session) public view returns (bytes32) {
        return _hashTypedDataV4(_sessionStructHash(session));
    }

    /// @inheritdoc ISessionKeyValidator
    function grantDigest(Session calldata session, address key) external view returns (bytes32) {
        return _grantDigest(_sessionStructHash(session), key);
    }

    /// @inheritdoc ISessionKeyValidator
    function depositNonce(bytes32 sessionId, address key, address payee, uint128 amount, uint256 index)
        public
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(sessionId, key, payee, amount, index));
    }

    /// @inheritdoc ISessionKeyValidator
    function isSettler(address payee, address settler) external view returns (bool) {
        return _settlers[payee][settler];
    }

    /// @inheritdoc ISessionKeyValidator
    function guardianOf(address payee) external view returns (address) {
        return _guardians[payee];
    }

    /// @inheritdoc ISessionKeyValidator
    function isTokenAllowed(address token) external view returns (bool) {
        return _tokenNumbers[token] != 0;
    }

    /// @inheritdoc ISessionKeyValidator
    function DOMAIN_SEPARATOR() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    // --- who may

    /// @dev The session, which must be registered.
    function _known(bytes32 sessionId) private view returns (SessionData storage session) {
        session = _sessions[sessionId];
        if (session.key == address(0)) revert SessionUnknown(sessionId);
    }

    /// @dev The session, when its owner is the caller.
    function _owned(bytes32 sessionId) private view returns (SessionData storage session) {
        session = _known(sessionId);
        if (msg.sender != session.owner) revert NotOwner(msg.sender);
    }

    /// @dev The payee's part, when the session names the payee.
    function _named(bytes32 sessionId, address payee) private view returns (Part storage part) {
        part = _parts[payee][sessionId];
        if (part.limit == 0) revert UnknownPayeeOf(sessionId, payee);
    }

    /// @dev The payee's part, when the payee's guardian is the caller.
    function _guarded(bytes32 sessionId, address payee) private view returns (Part storage part) {
        _known(sessionId);
        part = _named(sessionId, payee);
        if (msg.sender != _guardians[payee]) revert NotGuardian(msg.sender);
    }

    /// @dev The session, when its owner signed the action that has nothing but a session, a nonce and a deadline.
    function _signedAction(
        bytes32 typehash,
        bytes32 sessionId,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private returns (SessionData storage session) {
        session = _known(sessionId);
        bytes32 structHash = keccak256(abi.encode(typehash, sessionId, nonce, deadline));
        _useOwnerSignature(session, structHash, nonce, deadline, signature);
    }

    /// @dev Checks the owner's signature and uses up its nonce. Nonces count up, so that what an owner signed later
    /// cannot be overtaken by what was signed earlier.
    function _useOwnerSignature(
        SessionData storage session,
        bytes32 structHash,
        uint256 nonce,
        uint256 deadline,
        bytes calldata signature
    ) private {
        if (block.timestamp > deadline) revert SignatureExpired(deadline);
        uint96 expected = session.nonce;
        if (nonce != expected) revert BadNonce(expected, nonce);
        if (!SignatureChecker.isValidSignatureNowCalldata(session.owner, _hashTypedDataV4(structHash), signature)) {
            revert BadOwnerSignature();
        }
        session.nonce = expected + 1;
    }

    // --- what changes a session

    /// @dev Writes a session after checking it; who may is the caller's business.
    function _register(bytes32 sessionId, Session calldata session, address key) private {
        SessionData storage stored = _sessions[sessionId];
        if (stored.key != address(0)) revert SessionExists(sessionId);

        uint8 tokenNumber = _checkTerms(session);
        if (key == address(0)) revert InvalidSession("key");

        stored.key = key;
        stored.claimableUntil = _after(session.validUntil, session.settleGrace);
        stored.tokenNumber = tokenNumber;
        stored.startsLater = block.timestamp < session.validAfter;
        stored.periodic = _writeAllowances(sessionId, session.allowances);
        stored.owner = session.owner;
        stored.validAfter = session.validAfter;
        stored.validUntil = session.validUntil;
        stored.settleGrace = session.settleGrace;
        stored.withdrawDelay = session.withdrawDelay;
        emit SessionRegistered(sessionId, session.owner, key, session);
    }

    /// @dev Registers a session unless it is registered with this key already.
    function _registerOnce(Session calldata session, address key) private returns (bytes32 sessionId) {
        sessionId = sessionIdOf(session);
        address registered = _sessions[sessionId].key;
        if (registered == address(0)) _register(sessionId, session, key);
        else if (registered != key) revert KeyMismatch(registered, key);
    }

    /// @dev The rules for everything but the allowances. Gives the token's number.
    function _checkTerms(Session calldata session) private view returns (uint8 tokenNumber) {
        if (session.owner == address(0)) revert InvalidSession("owner");
        if (session.token == address(0)) revert InvalidSession("token");
        tokenNumber = _tokenNumbers[session.token];
        if (tokenNumber == 0) revert TokenNotAllowed(session.token);
        if (session.validAfter >= session.validUntil || session.validUntil <= block.timestamp) {
            revert InvalidSession("window");
        }
        if (session.settleGrace < DELAY_LEAST || session.settleGrace > DELAY_MOST) {
            revert InvalidSession("settleGrace");
        }
        if (session.withdrawDelay < DELAY_LEAST || session.withdrawDelay > DELAY_MOST) {
            revert InvalidSession("withdrawDelay");
        }
    }

    /// @dev Checks and writes the allowances. Says whether any has a period.
    function _writeAllowances(bytes32 sessionId, Allowance[] calldata allowances) private returns (bool periodic) {
        if (allowances.length == 0 || allowances.length > ALLOWANCES_MOST) revert InvalidSession("allowances");
        for (uint256 i = 0; i < allowances.length; ++i) {
            Allowance calldata allowance = allowances[i];
            if (allowance.limit == 0) revert InvalidSession("allowances");
            Part storage part = _parts[allowance.payee][sessionId];
            // A limit that is there already was written by this loop: the payee is named twice.
            if (allowance.payee == address(0) || part.limit != 0) revert InvalidSession("payee");
            part.limit = allowance.limit;
            // As signed, also when there is no period and it means nothing; but a slot of zeros is not written.
            if (allowance.periodLimit != 0) part.periodLimit = allowance.periodLimit;
            if (allowance.period != 0) {
                part.period = allowance.period;
                periodic = true;
            }
        }
    }

    function _freeze(bytes32 sessionId, SessionData storage session) private {
        SessionStatus status = _statusOf(session);
        if (status != SessionStatus.Active && status != SessionStatus.Pending) revert WrongStatus(status);
        session.frozenAt = uint48(block.timestamp);
        uint48 until = _after(block.timestamp, session.settleGrace);
        session.claimableUntil = until;
        emit Frozen(sessionId, until);
    }

    function _unfreeze(bytes32 sessionId, SessionData storage session) private {
        SessionStatus status = _statusOf(session);
        if (status != SessionStatus.Frozen) revert WrongStatus(status);
        session.frozenAt = 0;
        session.claimableUntil = _after(session.validUntil, session.settleGrace);
        emit Unfrozen(sessionId);
    }

    /// @dev Refused for an expired session, which a revocation could only make look as if it had ended later.
    function _revoke(bytes32 sessionId, SessionData storage session) private {
        SessionStatus status = _statusOf(session);
        if (status == SessionStatus.Revoked || status == SessionStatus.Expired) revert WrongStatus(status);
        session.revokedAt = uint48(block.timestamp);
        uint48 until = session.claimableUntil;
        // Earning ended with the freeze, if there was one; its window is not opened again.
        if (status != SessionStatus.Frozen) {
            until = _after(block.timestamp, session.settleGrace);
            session.claimableUntil = until;
        }
        emit Revoked(sessionId, until);
    }

    /// @dev Allowed while frozen: freeze, rotate, unfreeze is what an owner does whose key was stolen.
    function _rotateKey(bytes32 sessionId, SessionData storage session, address key) private {
        SessionStatus status = _statusOf(session);
        if (status == SessionStatus.Revoked || status == SessionStatus.Expired) revert WrongStatus(status);
        address previous = session.key;
        if (key == address(0) || key == previous) revert InvalidSession("key");
        uint48 until = _after(block.timestamp, session.settleGrace);
        session.retiredUntil[previous] = until;
        session.previousKey = previous;
        session.key = key;
        emit KeyRotated(sessionId, previous, key, until);
    }

    /// @dev Any status: an owner may always ask for what nobody has earned.
    function _requestWithdraw(bytes32 sessionId, SessionData storage session, address payee, uint128 amount) private {
        Part storage part = _named(sessionId, payee);
        if (amount == 0) revert ZeroAmount();
        if (part.withdrawAmount != 0) revert WithdrawalPending();
        uint48 availableAt = _after(block.timestamp, session.withdrawDelay);
        part.withdrawAmount = amount;
        part.withdrawAvailableAt = availableAt;
        emit WithdrawRequested(sessionId, payee, amount, availableAt);
    }

    // --- money in

    /// @dev Adds a deposit to a part, before the money is pulled: what arrives is compared with it afterwards, and
    /// the whole call is undone when it differs.
    /// @param partly Take what fits under the limit instead of refusing; still refused when nothing does.
    function _credit(
        bytes32 sessionId,
        SessionData storage session,
        address payee,
        address from,
        uint128 amount,
        bool partly
    ) private returns (uint128 accepted) {
        if (amount == 0) revert ZeroAmount();
        SessionStatus status = _statusOf(session);
        if (status == SessionStatus.Revoked || status == SessionStatus.Expired) revert WrongStatus(status);
        Part storage part = _named(sessionId, payee);

        uint128 held = part.escrow;
        uint128 limit = part.limit;
        uint128 room = limit - held;
        accepted = amount;
        if (amount > room) {
            if (!partly || room == 0) revert LimitExceeded(limit, uint256(held) + amount);
            accepted = room;
        }
        part.escrow = held + accepted;
        emit Deposited(sessionId, payee, from, accepted, held + accepted);
    }

    /// @dev Pulls by the ERC-20 allowance of `from`.
    function _pull(address token, address from, uint256 amount) private {
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(from, address(this), amount);
        _checkReceived(token, before, amount);
    }

    /// @dev Pulls by an ERC-3009 authorization, which is for its amount and no other: what does not fit under the
    /// limit is sent back to where it came from.
    function _depositAuthorized(bytes32 sessionId, address payee, uint128 amount, Authorization memory authorization)
        private
    {
        SessionData storage session = _known(sessionId);
        uint128 accepted = _credit(sessionId, session, payee, authorization.from, amount, true);
        address token = _tokenOf(session);

        uint256 before = IERC20(token).balanceOf(address(this));
        IERC3009(token)
            .receiveWithAuthorization(
                authorization.from,
                address(this),
                amount,
                authorization.validAfter,
                authorization.validBefore,
                authorization.nonce,
                authorization.signature
            );
        _checkReceived(token, before, amount);
        if (accepted != amount) IERC20(token).safeTransfer(authorization.from, amount - accepted);
    }

    /// @dev Refuses a pull that brought another amount than it should: escrow must never promise more than is here.
    function _checkReceived(address token, uint256 before, uint256 amount) private view {
        uint256 balance = IERC20(token).balanceOf(address(this));
        uint256 received = balance > before ? balance - before : 0;
        if (received != amount) revert WrongAmountReceived(amount, received);
    }

    // --- claims

    /// @dev Judges and writes all claims of a batch; the transfer is the caller's business.
    function _collect(address payee, uint256 tokenNumber, Claim[] calldata claims)
        private
        returns (uint256 total, uint256 settled)
    {
        mapping(bytes32 sessionId => Part) storage parts = _parts[payee];
        bytes32 domainSeparator = _domainSeparatorV4();
        for (uint256 i = 0; i < claims.length; ++i) {
            Claim calldata claim = claims[i];
            Part storage part = parts[claim.sessionId];
            (ClaimStatus status, uint128 held, uint128 before) =
                _judge(part, payee, tokenNumber, domainSeparator, claim);
            if (status != ClaimStatus.Ok) {
                emit ClaimSkipped(claim.sessionId, payee, status);
                continue;
            }
            uint128 totalClaimed = claim.totalClaimed;
            // Both halves at once: the slot is not read again for the half that stays.
            (part.escrow, part.claimed) = (held, totalClaimed);
            uint128 amount = totalClaimed - before;
            total += amount;
            ++settled;
            emit Claimed(claim.sessionId, payee, amount, totalClaimed);
        }
    }

    /// @dev What a claim is worth now. The dear check, the signature, is last, so that replays are cheap.
    /// @return status The first rule that the claim breaks, in the order of {ClaimStatus}.
    /// @return held The part's escrow; only set when the money was looked at.
    /// @return before What was claimed until now; likewise.
    function _judge(
        Part storage part,
        address payee,
        uint256 tokenNumber,
        bytes32 domainSeparator,
        Claim calldata claim
    ) private view returns (ClaimStatus status, uint128 held, uint128 before) {
        SessionData storage session = _sessions[claim.sessionId];
        address key = session.key;
        if (key == address(0)) return (ClaimStatus.UnknownSession, 0, 0);
        if (session.tokenNumber != tokenNumber) return (ClaimStatus.WrongToken, 0, 0);

        (held, before) = (part.escrow, part.claimed);
        // Whoever has an escrow is named; only without one is it worth looking up.
        if (held == 0 && part.limit == 0) return (ClaimStatus.UnknownPayee, 0, 0);
        if (session.startsLater && block.timestamp < session.validAfter) {
            return (ClaimStatus.NotYetValid, held, before);
        }
        if (block.timestamp > session.claimableUntil) return (ClaimStatus.ClaimWindowClosed, held, before);

        uint128 totalClaimed = claim.totalClaimed;
        if (totalClaimed <= before) return (ClaimStatus.AlreadyClaimed, held, before);
        if (totalClaimed > claim.maxClaimable) return (ClaimStatus.AboveVoucher, held, before);
        if (totalClaimed > held) return (ClaimStatus.AboveEscrow, held, before);
        if (session.periodic && totalClaimed > _accrued(session, part)) {
            return (ClaimStatus.AbovePeriodLimit, held, before);
        }

        (address signer, ECDSA.RecoverError failure,) = ECDSA.tryRecover(
            _voucherDigest(domainSeparator, claim.sessionId, payee, claim.maxClaimable), claim.r, claim.vs
        );
        if (failure != ECDSA.RecoverError.NoError) return (ClaimStatus.BadSignature, held, before);
        if (signer != key && block.timestamp > session.retiredUntil[signer]) {
            return (ClaimStatus.BadSignature, held, before);
        }
        return (ClaimStatus.Ok, held, before);
    }

    /// @dev How much the period limit allows to have been claimed until now: one limit for each period that began
    /// while something could be earned. Waiting takes nothing away, so what was earned is not refused for being
    /// claimed late; and nothing is added once the owner has stopped the session.
    function _accrued(SessionData storage session, Part storage part) private view returns (uint256) {
        uint32 period = part.period;
        if (period == 0) return type(uint256).max;
        uint256 validAfter = session.validAfter;
        // The last second of the session: validUntil is not in it.
        uint256 until = uint256(session.validUntil) - 1;
        if (block.timestamp < until) until = block.timestamp;
        uint256 frozenAt = session.frozenAt;
        if (frozenAt != 0 && frozenAt < until) until = frozenAt;
        uint256 revokedAt = session.revokedAt;
        if (revokedAt != 0 && revokedAt < until) until = revokedAt;
        // Stopped before it began.
        if (until < validAfter) until = validAfter;
        // 128 bits times at most 49: cannot overflow.
        return uint256(part.periodLimit) * (1 + (until - validAfter) / period);
    }

    // --- what things are

    /// @dev Revocation is for ever; expiry outweighs a freeze, because nothing can lift it.
    function _statusOf(SessionData storage session) private view returns (SessionStatus) {
        if (session.key == address(0)) return SessionStatus.None;
        if (session.revokedAt != 0) return SessionStatus.Revoked;
        if (block.timestamp >= session.validUntil) return SessionStatus.Expired;
        if (session.frozenAt != 0) return SessionStatus.Frozen;
        if (block.timestamp < session.validAfter) return SessionStatus.Pending;
        return SessionStatus.Active;
    }

    function _tokenOf(SessionData storage session) private view returns (address) {
        return _tokens[session.tokenNumber - 1];
    }

    /// @dev A time and a delay, at most the last time there is: "for ever" may stand in validUntil.
    function _after(uint256 time, uint256 delay) private pure returns (uint48) {
        uint256 sum = time + delay;
        // forge-lint: disable-next-line(unsafe-typecast)
        return sum > type(uint48).max ? type(uint48).max : uint48(sum);
    }

    function _sessionStructHash(Session calldata session) private pure returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](session.allowances.length);
        for (uint256 i = 0; i < hashes.length; ++i) {
            Allowance calldata allowance = session.allowances[i];
            hashes[i] = keccak256(
                abi.encode(
                    ALLOWANCE_TYPEHASH, allowance.payee, allowance.limit, allowance.periodLimit, allowance.period
                )
            );
        }
        return keccak256(
            abi.encode(
                SESSION_TYPEHASH,
                session.owner,
                session.token,
                session.validAfter,
                session.validUntil,
                session.settleGrace,
                session.withdrawDelay,
                keccak256(abi.encodePacked(hashes)),
                session.salt
            )
        );
    }

    function _grantDigest(bytes32 sessionStructHash, address key) private view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(SESSION_GRANT_TYPEHASH, sessionStructHash, key)));
    }

    function _voucherDigest(bytes32 domainSeparator, bytes32 sessionId, address payee, uint128 maxClaimable)
        private
        pure
        returns (bytes32)
    {
        return MessageHashUtils.toTypedDataHash(
            domainSeparator, keccak256(abi.encode(VOUCHER_TYPEHASH, sessionId, payee, maxClaimable))
        );
    }
}
