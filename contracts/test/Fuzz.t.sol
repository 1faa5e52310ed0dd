// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {vm} from "./support/Vm.sol";

/// @notice Arbitrary values against small models of what should come out.
contract FuzzTest is Fixture {
    struct Step {
        uint128 maxClaimable;
        uint128 total;
        bool wrongKey;
    }

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = register(terms());
    }

    // --- claims

    /// Each claim of a sequence does what a model of five lines says, and `checkClaim` says it beforehand.
    function testFuzz_claimSequence(Step[] calldata steps, uint256 funded) public {
        uint128 held = uint128(within(funded, 1, LIMIT));
        fund(id, merchant, held);
        uint128 claimed;
        for (uint256 i = 0; i < steps.length && i < 20; i++) {
            (I.Claim memory c, Step memory step) = claimOf(steps[i], held);
            I.ClaimStatus expected = I.ClaimStatus.Ok;
            if (step.total <= claimed) expected = I.ClaimStatus.AlreadyClaimed;
            else if (step.total > step.maxClaimable) expected = I.ClaimStatus.AboveVoucher;
            else if (step.total > held) expected = I.ClaimStatus.AboveEscrow;
            else if (step.wrongKey) expected = I.ClaimStatus.BadSignature;

            if (expected == I.ClaimStatus.Ok) {
                assertPays(merchant, c, step.total - claimed);
                claimed = step.total;
            } else {
                assertSkips(merchant, c, expected);
            }
        }
        vm.assertEq(usdc.balanceOf(merchant), claimed, "all that was paid");
    }

    /// One batch of many claims is worth as much as many batches of one.
    function testFuzz_batchIsTheSumOfItsClaims(Step[] calldata steps, uint256 funded) public {
        uint256 count = steps.length < 20 ? steps.length : 20;
        vm.assume(count != 0);
        uint128 held = uint128(within(funded, 1, LIMIT));
        fund(id, merchant, held);
        I.Claim[] memory claims = new I.Claim[](count);
        for (uint256 i = 0; i < count; i++) {
            (claims[i],) = claimOf(steps[i], held);
        }
        uint256 state = vm.snapshotState();
        uint256 together = settle(merchant, claims);
        uint128 claimed = validator.claimed(id, merchant);
        vm.revertToState(state);
        uint256 alone;
        for (uint256 i = 0; i < count; i++) {
            alone += settle(merchant, claims[i]);
        }
        vm.assertEq(together, alone, "total");
        vm.assertEq(claimed, validator.claimed(id, merchant), "claimed");
        vm.assertEq(claimed, together, "paid is what was claimed");
    }

    /// Whatever stands where the signature should be: skipped, never reverted, never paid.
    function testFuzz_anySignature(bytes32 r, bytes32 vs, uint128 amount) public {
        fund(id, merchant, LIMIT);
        amount = uint128(within(amount, 1, LIMIT));
        assertSkips(merchant, I.Claim(id, amount, amount, r, vs), I.ClaimStatus.BadSignature);
    }

    /// One bit of a good signature.
    function testFuzz_oneBitOfTheSignature(uint256 bit) public {
        fund(id, merchant, LIMIT);
        I.Claim memory c = claim(id, merchant, LIMIT);
        bit = within(bit, 0, 511);
        if (bit < 256) c.r ^= bytes32(uint256(1) << bit);
        else c.vs ^= bytes32(uint256(1) << (bit - 256));
        assertSkips(merchant, c, I.ClaimStatus.BadSignature);
    }

    /// Batches of anything, for any payee and token: never reverted for what is in them, nothing moves.
    function testFuzz_anyBatch(I.Claim[] memory claims, bytes32 root, address payee, address token_) public {
        vm.assume(claims.length != 0 && claims.length <= 200);
        fund(id, merchant, LIMIT);
        // Half of them of a session that there is, so that more than the first check is reached.
        for (uint256 i = 0; i < claims.length; i += 2) {
            claims[i].sessionId = id;
        }
        if (uint256(root) & 1 == 0) payee = merchant;
        if (uint256(root) & 2 == 0) token_ = token;
        vm.prank(payee);
        vm.assertEq(validator.settleBatch(root, payee, token_, claims), 0, "total");
        vm.assertEq(usdc.balanceOf(address(validator)), LIMIT, "balance");
    }

    function testFuzz_onlyThePayeeOrItsSettler(address caller) public {
        vm.assume(caller != merchant);
        fund(id, merchant, 1);
        I.Claim[] memory claims = batchOf(claim(id, merchant, 1));
        vm.expectRevert(abi.encodeWithSelector(I.NotSettler.selector, caller));
        vm.prank(caller);
        validator.settleBatch(ROOT, merchant, token, claims);
    }

    // --- periods

    /// What has accrued is what the formula says, for any terms and any second until the end of the grace; the
    /// products stay far from overflow.
    function testFuzz_periodAccrual(uint128 periodLimit, uint32 period, uint48 start, uint48 length, uint48 elapsed)
        public
    {
        I.Session memory s = terms("fuzz");
        s.validAfter = uint48(within(start, 0, START + 365 days));
        uint48 least = START > s.validAfter ? START - s.validAfter + 1 : 1;
        s.validUntil = s.validAfter + uint48(within(length, least, type(uint48).max - s.validAfter));
        // No limit and no escrow in the way.
        s.allowances[1] = I.Allowance({payee: metered, limit: ALL, periodLimit: periodLimit, period: period});
        bytes32 any = register(s);
        usdc.mint(owner, ALL);
        vm.startPrank(owner);
        usdc.approve(address(validator), ALL);
        validator.deposit(any, metered, ALL);
        vm.stopPrank();

        uint48 from = START > s.validAfter ? START : s.validAfter;
        uint48 now_ = uint48(within(elapsed, from, stateOf(any).claimableUntil));
        vm.warp(now_);
        uint256 accrued = ALL;
        if (period != 0) {
            uint256 last = now_ < s.validUntil ? now_ : s.validUntil - 1;
            uint256 sum = uint256(periodLimit) * (1 + (last - s.validAfter) / period);
            if (sum < ALL) accrued = sum;
        }
        if (accrued < ALL) {
            I.Claim memory above = claim(any, metered, uint128(accrued + 1));
            assertSkips(metered, above, I.ClaimStatus.AbovePeriodLimit);
        }
        if (accrued > 0) assertPays(metered, claim(any, metered, uint128(accrued)), uint128(accrued));
    }

    // --- money in and out

    /// Somebody's deposits never go above the limit, and cost exactly what was booked.
    function testFuzz_depositFor(uint128[8] calldata amounts) public {
        uint128 held;
        for (uint256 i = 0; i < amounts.length; i++) {
            uint128 amount = uint128(within(amounts[i], 1, LIMIT));
            usdc.mint(stranger, amount);
            uint256 before = usdc.balanceOf(stranger);
            uint128 accepted = amount < LIMIT - held ? amount : LIMIT - held;
            vm.startPrank(stranger);
            usdc.approve(address(validator), amount);
            if (accepted == 0) {
                vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, uint256(held) + amount));
            }
            validator.depositFor(id, merchant, amount);
            vm.stopPrank();
            held += accepted;
            vm.assertEq(validator.escrow(id, merchant), held, "escrow");
            vm.assertEq(usdc.balanceOf(stranger), before - accepted, "taken");
            vm.assertEq(usdc.balanceOf(address(validator)), held, "balance");
        }
    }

    /// An authorization goes in as far as it fits; the rest is back with whom it came from.
    function testFuzz_authorizedDeposit(uint128 first, uint128 amount, uint256 index) public {
        first = uint128(within(first, 0, LIMIT - 1));
        amount = uint128(within(amount, 1, ALL));
        if (first != 0) fund(id, merchant, first);
        usdc.mint(stranger, amount);
        bytes32 nonce = Typed.depositNonce(id, address(0), merchant, amount, index);
        bytes32 hash = Typed.receiveWithAuthorization(stranger, address(validator), amount, 0, END, nonce);
        bytes memory signature =
            sign(STRANGER_SECRET, Typed.digest(Typed.domain("USD Coin", "2", block.chainid, token), hash));
        validator.depositWithAuthorization(id, merchant, stranger, amount, index, 0, END, signature);

        uint128 accepted = amount < LIMIT - first ? amount : LIMIT - first;
        vm.assertEq(validator.escrow(id, merchant), first + accepted, "escrow");
        vm.assertEq(usdc.balanceOf(address(validator)), first + accepted, "balance");
        vm.assertEq(usdc.balanceOf(stranger), amount - accepted, "the rest");
    }

    /// Owner and payee together get what was deposited, whoever comes first and whatever is asked for.
    function testFuzz_claimAgainstWithdrawal(uint128 held, uint128 asked, uint128 total, bool claimFirst) public {
        held = uint128(within(held, 1, LIMIT));
        asked = uint128(within(asked, 1, ALL));
        total = uint128(within(total, 1, held));
        fund(id, merchant, held);
        vm.prank(owner);
        validator.requestWithdraw(id, merchant, asked);
        vm.warp(START + DELAY);
        I.Claim memory c = claim(id, merchant, total);

        if (claimFirst) assertPays(merchant, c, total);
        uint128 free = claimFirst ? held - total : held;
        uint128 out = asked < free ? asked : free;
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), out, "withdrawn");
        if (!claimFirst) {
            if (total <= held - out) assertPays(merchant, c, total);
            else assertSkips(merchant, c, I.ClaimStatus.AboveEscrow);
        }
        vm.assertEq(usdc.balanceOf(merchant) + usdc.balanceOf(owner) + usdc.balanceOf(address(validator)), held, "sum");
        vm.assertEq(validator.escrow(id, merchant), held - out, "escrow");
    }

    // --- hashes and terms

    /// Any session, also one that could not be registered, has the hash that EIP-712 says.
    function testFuzz_hashes(I.Session memory s, address key_, address payee, uint128 amount, uint256 index)
        public
        view
    {
        bytes32 digest = Typed.digest(separator(), Typed.session(s));
        vm.assertEq(validator.sessionIdOf(s), digest, "id");
        vm.assertEq(validator.grantDigest(s, key_), Typed.digest(separator(), Typed.grant(s, key_)), "grant");
        vm.assertEq(
            validator.voucherDigest(digest, payee, amount),
            Typed.digest(separator(), Typed.voucher(digest, payee, amount)),
            "voucher"
        );
        vm.assertEq(
            validator.depositNonce(digest, key_, payee, amount, index),
            Typed.depositNonce(digest, key_, payee, amount, index),
            "deposit nonce"
        );
    }

    /// A session is registered exactly when its times and delays keep the rules.
    function testFuzz_terms(uint48 validAfter, uint48 validUntil, uint32 settleGrace, uint32 withdrawDelay) public {
        I.Session memory s = terms("fuzz");
        // Near the borders, or the good ones would hardly ever come up.
        s.validAfter = uint48(within(validAfter, START - 1 days, START + 1 days));
        s.validUntil = uint48(within(validUntil, START - 1 days, START + 2 days));
        s.settleGrace = uint32(within(settleGrace, 0, 33 days));
        s.withdrawDelay = uint32(within(withdrawDelay, 0, 33 days));
        bool window = s.validAfter < s.validUntil && s.validUntil > START;
        bool grace = s.settleGrace >= 15 minutes && s.settleGrace <= 30 days;
        bool delay = s.withdrawDelay >= 15 minutes && s.withdrawDelay <= 30 days;
        if (!window) expectInvalid("window");
        else if (!grace) expectInvalid("settleGrace");
        else if (!delay) expectInvalid("withdrawDelay");
        bytes32 any = register(s);
        if (window && grace && delay) {
            vm.assertEq(stateOf(any).claimableUntil, uint256(s.validUntil) + s.settleGrace, "claimable until");
        }
    }

    /// A claim near what is possible, so that each outcome comes up.
    function claimOf(Step memory step, uint128 held) private view returns (I.Claim memory c, Step memory near) {
        near.maxClaimable = uint128(within(step.maxClaimable, 0, uint256(held) * 5 / 4 + 1));
        near.total = uint128(within(step.total, 0, uint256(held) * 5 / 4 + 1));
        near.wrongKey = step.wrongKey && step.total % 4 == 0;
        c = claimBy(near.wrongKey ? STRANGER_SECRET : KEY_SECRET, id, merchant, near.maxClaimable, near.total);
    }
}
