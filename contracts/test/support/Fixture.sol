// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../../src/SessionKeyValidator.sol";
import {TestUSDC} from "../../src/TestUSDC.sol";
import {Typed} from "./Typed.sol";
import {vm} from "./Vm.sol";

/// @notice What every test starts from: the contract, one token, one owner with a key, two payees, and the words in
/// which tests speak of sessions, vouchers and claims.
abstract contract Fixture {
    uint256 internal constant OWNER_SECRET = 0xA11CE;
    uint256 internal constant KEY_SECRET = 0x5E55104;
    uint256 internal constant OTHER_KEY_SECRET = 0x07E4;
    uint256 internal constant STRANGER_SECRET = 0xBAD;

    uint48 internal constant START = 1_800_000_000;
    uint48 internal constant END = START + 30 days;
    uint32 internal constant GRACE = 1 days;
    uint32 internal constant DELAY = 2 days;
    uint128 internal constant USDC = 1e6;
    /// What the first payee may be paid in all; the second has a limit per period as well.
    uint128 internal constant LIMIT = 100 * USDC;
    uint128 internal constant PERIOD_LIMIT = 5 * USDC;
    uint32 internal constant PERIOD = 1 days;
    uint128 internal constant ALL = type(uint128).max;

    bytes32 internal constant ROOT = keccak256("the evidence");

    SessionKeyValidator internal validator;
    TestUSDC internal usdc;
    /// What sessions are in; usdc, unless a test says otherwise.
    address internal token;

    address internal owner = vm.addr(OWNER_SECRET);
    address internal key = vm.addr(KEY_SECRET);
    address internal otherKey = vm.addr(OTHER_KEY_SECRET);
    address internal stranger = vm.addr(STRANGER_SECRET);
    address internal merchant = address(0x4E4C);
    address internal metered = address(0x3E7E4);
    address internal settler = address(0x5E77);
    address internal guardian = address(0x64A4D);

    function setUp() public virtual {
        vm.warp(START);
        usdc = new TestUSDC();
        useToken(address(usdc));
    }

    /// A fresh contract that takes this token.
    function useToken(address token_) internal {
        token = token_;
        address[] memory tokens = new address[](1);
        tokens[0] = token_;
        validator = new SessionKeyValidator(tokens);
    }

    // --- sessions

    /// The usual session: `merchant` without periods, `metered` with.
    function terms() internal view returns (I.Session memory) {
        return terms(bytes32(0));
    }

    function terms(bytes32 salt) internal view returns (I.Session memory s) {
        s = I.Session({
            owner: owner,
            token: token,
            validAfter: START,
            validUntil: END,
            settleGrace: GRACE,
            withdrawDelay: DELAY,
            allowances: new I.Allowance[](2),
            salt: salt
        });
        s.allowances[0] = I.Allowance({payee: merchant, limit: LIMIT, periodLimit: 0, period: 0});
        s.allowances[1] = I.Allowance({payee: metered, limit: LIMIT, periodLimit: PERIOD_LIMIT, period: PERIOD});
    }

    function register(I.Session memory s) internal returns (bytes32 id) {
        vm.prank(s.owner);
        id = validator.registerSession(s, key);
    }

    /// The usual session, with `amount` in escrow for `merchant`.
    function open(uint128 amount) internal returns (bytes32 id) {
        id = register(terms());
        fund(id, merchant, amount);
    }

    /// Money of the owner's into escrow.
    function fund(bytes32 id, address payee, uint128 amount) internal {
        usdc.mint(owner, amount);
        vm.startPrank(owner);
        usdc.approve(address(validator), amount);
        validator.deposit(id, payee, amount);
        vm.stopPrank();
    }

    function stateOf(bytes32 id) internal view returns (I.SessionState memory) {
        return validator.sessionState(id);
    }

    function assertStatus(bytes32 id, I.SessionStatus expected) internal view {
        vm.assertEq(uint256(stateOf(id).status), uint256(expected), "status");
    }

    // --- signatures

    function separator() internal view returns (bytes32) {
        return Typed.domain("SessionKeyValidator", "1", block.chainid, address(validator));
    }

    function sign(uint256 secret, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        return abi.encodePacked(r, s, v);
    }

    /// A signature under the contract's domain.
    function signed(uint256 secret, bytes32 structHash) internal view returns (bytes memory) {
        return sign(secret, Typed.digest(separator(), structHash));
    }

    function compact(uint256 secret, bytes32 digest) internal pure returns (bytes32 r, bytes32 vs) {
        uint8 v;
        bytes32 s;
        (v, r, s) = vm.sign(secret, digest);
        vs = v == 28 ? s | bytes32(uint256(1) << 255) : s;
    }

    // --- claims

    /// A claim by a voucher for just this much, signed by the session's first key.
    function claim(bytes32 id, address payee, uint128 total) internal view returns (I.Claim memory) {
        return claimBy(KEY_SECRET, id, payee, total, total);
    }

    function claimBy(uint256 secret, bytes32 id, address payee, uint128 maxClaimable, uint128 total)
        internal
        view
        returns (I.Claim memory)
    {
        (bytes32 r, bytes32 vs) = compact(secret, Typed.digest(separator(), Typed.voucher(id, payee, maxClaimable)));
        return I.Claim({sessionId: id, maxClaimable: maxClaimable, totalClaimed: total, r: r, vs: vs});
    }

    function batchOf(I.Claim memory one) internal pure returns (I.Claim[] memory claims) {
        claims = new I.Claim[](1);
        claims[0] = one;
    }

    function batchOf(I.Claim memory one, I.Claim memory two) internal pure returns (I.Claim[] memory claims) {
        claims = new I.Claim[](2);
        claims[0] = one;
        claims[1] = two;
    }

    function settle(address payee, I.Claim[] memory claims) internal returns (uint256) {
        vm.prank(payee);
        return validator.settleBatch(ROOT, payee, token, claims);
    }

    function settle(address payee, I.Claim memory one) internal returns (uint256) {
        return settle(payee, batchOf(one));
    }

    /// The claim pays exactly `amount`, with the events that say so, and `checkClaim` knew it.
    function assertPays(address payee, I.Claim memory one, uint128 amount) internal {
        uint256 balance = usdc.balanceOf(payee);
        vm.assertEq(uint256(validator.checkClaim(payee, token, one)), uint256(I.ClaimStatus.Ok), "checkClaim");
        vm.expectEmit(address(validator));
        emit I.Claimed(one.sessionId, payee, amount, one.totalClaimed);
        vm.expectEmit(address(validator));
        emit I.BatchSettled(ROOT, payee, token, payee, amount, 1, 0);
        vm.assertEq(settle(payee, one), amount, "returned total");
        vm.assertEq(usdc.balanceOf(payee), balance + amount, "paid");
        vm.assertEq(validator.claimed(one.sessionId, payee), one.totalClaimed, "claimed");
    }

    /// The claim is skipped for just this reason, nothing moves, and `checkClaim` knew it.
    function assertSkips(address payee, I.Claim memory one, I.ClaimStatus reason) internal {
        assertSkips(payee, token, one, reason);
    }

    function assertSkips(address payee, address token_, I.Claim memory one, I.ClaimStatus reason) internal {
        uint128 before = validator.claimed(one.sessionId, payee);
        uint256 balance = usdc.balanceOf(address(validator));
        vm.assertEq(uint256(validator.checkClaim(payee, token_, one)), uint256(reason), "checkClaim");
        vm.expectEmit(address(validator));
        emit I.ClaimSkipped(one.sessionId, payee, reason);
        vm.expectEmit(address(validator));
        emit I.BatchSettled(ROOT, payee, token_, payee, 0, 0, 1);
        vm.prank(payee);
        vm.assertEq(validator.settleBatch(ROOT, payee, token_, batchOf(one)), 0, "returned total");
        vm.assertEq(validator.claimed(one.sessionId, payee), before, "claimed");
        vm.assertEq(usdc.balanceOf(address(validator)), balance, "balance");
    }

    // --- refusals

    function expectRefusal(bytes4 reason) internal {
        vm.expectRevert(abi.encodePacked(reason));
    }

    function expectInvalid(string memory reason) internal {
        vm.expectRevert(abi.encodeWithSelector(I.InvalidSession.selector, reason));
    }

    function expectNotOwner(address caller) internal {
        vm.expectRevert(abi.encodeWithSelector(I.NotOwner.selector, caller));
    }

    function expectWrongStatus(I.SessionStatus status) internal {
        vm.expectRevert(abi.encodeWithSelector(I.WrongStatus.selector, status));
    }

    function expectUnknown(bytes32 id) internal {
        vm.expectRevert(abi.encodeWithSelector(I.SessionUnknown.selector, id));
    }

    function expectUnknownPayee(bytes32 id, address payee) internal {
        vm.expectRevert(abi.encodeWithSelector(I.UnknownPayeeOf.selector, id, payee));
    }

    /// A number between two others, for fuzzing; every one equally likely.
    function within(uint256 value, uint256 least, uint256 most) internal pure returns (uint256) {
        return least + value % (most - least + 1);
    }
}
