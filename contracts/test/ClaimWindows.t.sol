// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice Claims against time: expiry, freeze, revocation and rotation with their grace, and period limits.
contract ClaimWindowsTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = open(100);
    }

    // --- expiry

    function test_afterExpiryWithinGrace() public {
        vm.warp(END);
        assertStatus(id, I.SessionStatus.Expired);
        assertPays(merchant, claim(id, merchant, 10), 10);
        vm.warp(END + GRACE);
        assertPays(merchant, claim(id, merchant, 20), 10);
        vm.warp(END + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 30), I.ClaimStatus.ClaimWindowClosed);
    }

    // --- freeze

    function test_freezeLeavesTheGrace() public {
        vm.prank(owner);
        validator.freeze(id);
        assertPays(merchant, claim(id, merchant, 10), 10);
        vm.warp(START + GRACE);
        assertPays(merchant, claim(id, merchant, 20), 10);
        vm.warp(START + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 30), I.ClaimStatus.ClaimWindowClosed);
    }

    function test_unfreezeOpensAgain() public {
        vm.prank(owner);
        validator.freeze(id);
        vm.warp(START + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 30), I.ClaimStatus.ClaimWindowClosed);
        vm.prank(owner);
        validator.unfreeze(id);
        assertPays(merchant, claim(id, merchant, 30), 30);
        vm.warp(END + GRACE);
        assertPays(merchant, claim(id, merchant, 40), 10);
    }

    function test_freezeIsForAllPayees() public {
        fund(id, metered, 10);
        vm.prank(owner);
        validator.freeze(id);
        vm.warp(START + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 10), I.ClaimStatus.ClaimWindowClosed);
        assertSkips(metered, claim(id, metered, 10), I.ClaimStatus.ClaimWindowClosed);
    }

    /// A batch that was planned before a freeze and arrives after it loses nothing while the grace lasts.
    function test_freezeWhileABatchIsOnItsWay() public {
        bytes32 second = register(terms("second"));
        fund(second, merchant, 100);
        I.Claim[] memory planned = batchOf(claim(id, merchant, 80), claim(second, merchant, 70));

        vm.prank(owner);
        validator.freeze(id);
        uint256 state = vm.snapshotState();
        vm.warp(START + GRACE);
        vm.assertEq(settle(merchant, planned), 150, "both within the grace");

        // After it, the frozen one is skipped and the other paid.
        vm.revertToState(state);
        vm.warp(START + GRACE + 1);
        vm.expectEmit(address(validator));
        emit I.ClaimSkipped(id, merchant, I.ClaimStatus.ClaimWindowClosed);
        vm.expectEmit(address(validator));
        emit I.Claimed(second, merchant, 70, 70);
        vm.assertEq(settle(merchant, planned), 70, "the other");
    }

    // --- revocation

    function test_revokeLeavesTheGrace() public {
        vm.prank(owner);
        validator.revoke(id);
        vm.warp(START + GRACE);
        assertPays(merchant, claim(id, merchant, 20), 20);
        vm.warp(START + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 30), I.ClaimStatus.ClaimWindowClosed);
    }

    /// The withdrawal may be ready before the grace is over; what is claimed first is paid.
    function test_revokeAndWithdraw() public {
        vm.startPrank(owner);
        validator.revoke(id);
        validator.requestWithdraw(id, merchant, ALL);
        vm.stopPrank();
        vm.warp(START + GRACE);
        assertPays(merchant, claim(id, merchant, 60), 60);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 40, "the rest");
    }

    function test_freezeBeforeTheStartAndItsGraceOver() public {
        I.Session memory s = terms("later");
        s.validAfter = START + GRACE + 10;
        bytes32 later = register(s);
        fund(later, metered, 5);
        vm.prank(owner);
        validator.freeze(later);
        vm.warp(START + GRACE + 1);
        assertSkips(metered, claim(later, metered, 5), I.ClaimStatus.NotYetValid);
        vm.warp(START + GRACE + 10);
        assertSkips(metered, claim(later, metered, 5), I.ClaimStatus.ClaimWindowClosed);
    }

    // --- rotation

    function test_oldKeyInItsGrace() public {
        vm.prank(owner);
        validator.rotateKey(id, otherKey);
        assertPays(merchant, claim(id, merchant, 10), 10);
        vm.warp(START + GRACE);
        assertPays(merchant, claim(id, merchant, 20), 10);
        vm.warp(START + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 30), I.ClaimStatus.BadSignature);
        // The new one goes on from where the old one was.
        assertSkips(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 20, 20), I.ClaimStatus.AlreadyClaimed);
        assertPays(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 30, 30), 10);
    }

    function test_newKeyAtOnce() public {
        assertSkips(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 10, 10), I.ClaimStatus.BadSignature);
        vm.prank(owner);
        validator.rotateKey(id, otherKey);
        assertPays(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 10, 10), 10);
    }

    /// Two rotations in a row take nothing back of what the first key had promised.
    function test_twoRotationsInARow() public {
        vm.startPrank(owner);
        validator.rotateKey(id, otherKey);
        vm.warp(START + 100);
        validator.rotateKey(id, stranger);
        vm.stopPrank();
        vm.assertEq(stateOf(id).previousKey, otherKey, "previous key");
        vm.warp(START + GRACE);
        assertPays(merchant, claim(id, merchant, 10), 10);
        vm.warp(START + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 20), I.ClaimStatus.BadSignature);
        assertPays(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 20, 20), 10);
        vm.warp(START + 100 + GRACE + 1);
        assertSkips(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 30, 30), I.ClaimStatus.BadSignature);
        assertPays(merchant, claimBy(STRANGER_SECRET, id, merchant, 30, 30), 10);
    }

    function test_rotatedBackIsNotRetired() public {
        vm.startPrank(owner);
        validator.rotateKey(id, otherKey);
        validator.rotateKey(id, key);
        vm.stopPrank();
        vm.warp(START + GRACE + 1);
        assertPays(merchant, claim(id, merchant, 10), 10);
        assertSkips(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 20, 20), I.ClaimStatus.BadSignature);
    }

    /// A key's grace does not outlive the session's.
    function test_oldKeyAfterTheSession() public {
        vm.warp(END - 1);
        vm.prank(owner);
        validator.rotateKey(id, otherKey);
        vm.warp(END - 1 + GRACE);
        assertPays(merchant, claim(id, merchant, 10), 10);
        vm.warp(END + GRACE);
        assertSkips(merchant, claim(id, merchant, 20), I.ClaimStatus.BadSignature);
        assertPays(merchant, claimBy(OTHER_KEY_SECRET, id, merchant, 20, 20), 10);
    }

    // --- periods

    function test_periodBoundaries() public {
        fund(id, metered, LIMIT);
        for (uint48 n = 0; n < 3; n++) {
            uint128 accrued = PERIOD_LIMIT * (n + 1);
            // The first and the last second of the period.
            vm.warp(START + n * PERIOD);
            assertSkips(metered, claim(id, metered, accrued + 1), I.ClaimStatus.AbovePeriodLimit);
            vm.warp(START + (n + 1) * PERIOD - 1);
            assertSkips(metered, claim(id, metered, accrued + 1), I.ClaimStatus.AbovePeriodLimit);
            assertPays(metered, claim(id, metered, accrued), PERIOD_LIMIT);
        }
        vm.warp(START + 3 * PERIOD);
        assertPays(metered, claim(id, metered, 4 * PERIOD_LIMIT), PERIOD_LIMIT);
    }

    /// Late settlement of what was earned in several periods is not refused.
    function test_severalPeriodsAtOnce() public {
        fund(id, metered, LIMIT);
        vm.warp(START + 9 * PERIOD);
        assertSkips(metered, claim(id, metered, 10 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(id, metered, 10 * PERIOD_LIMIT), 10 * PERIOD_LIMIT);
    }

    /// Periods are counted from validAfter, also when the session was registered later.
    function test_periodsFromTheStart() public {
        vm.warp(START + 2 * PERIOD);
        bytes32 late = register(terms("late"));
        fund(late, metered, LIMIT);
        assertSkips(metered, claim(late, metered, 3 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(late, metered, 3 * PERIOD_LIMIT), 3 * PERIOD_LIMIT);
    }

    /// One payee's periods say nothing about another's, even in one session.
    function test_periodsOfOnePayee() public {
        fund(id, merchant, LIMIT - 100);
        assertPays(merchant, claim(id, merchant, LIMIT), LIMIT);
    }

    function test_periodLimitZero() public {
        I.Session memory s = terms("zero");
        s.allowances[1].periodLimit = 0;
        bytes32 zero = register(s);
        fund(zero, metered, 10);
        vm.warp(END);
        assertSkips(metered, claim(zero, metered, 1), I.ClaimStatus.AbovePeriodLimit);
    }

    function test_periodLongerThanTheSession() public {
        I.Session memory s = terms("long");
        s.allowances[1].period = type(uint32).max;
        bytes32 long = register(s);
        fund(long, metered, LIMIT);
        vm.warp(END + GRACE);
        assertSkips(metered, claim(long, metered, PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(long, metered, PERIOD_LIMIT), PERIOD_LIMIT);
    }

    /// 29.5 days are 30 periods, the last of them begun; nothing accrues after the end.
    function test_periodLimitStopsGrowingAtTheEnd() public {
        I.Session memory s = terms("half");
        s.validUntil = END - PERIOD / 2;
        (s.settleGrace, s.allowances[1].limit) = (30 days, 1_000 * USDC);
        bytes32 half = register(s);
        fund(half, metered, 1_000 * USDC);
        vm.warp(uint256(s.validUntil) + 30 days);
        assertSkips(metered, claim(half, metered, 30 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(half, metered, 30 * PERIOD_LIMIT), 30 * PERIOD_LIMIT);
    }

    /// 30 days are 30 periods, before the end and after it.
    function test_periodLimitOfAWholeNumberOfPeriods() public {
        I.Session memory s = terms("whole");
        s.allowances[1].limit = 1_000 * USDC;
        bytes32 whole = register(s);
        fund(whole, metered, 1_000 * USDC);
        vm.warp(END - 1);
        assertSkips(metered, claim(whole, metered, 30 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        vm.warp(END);
        assertSkips(metered, claim(whole, metered, 30 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(whole, metered, 30 * PERIOD_LIMIT), 30 * PERIOD_LIMIT);
    }

    /// Nothing more is earned from the freeze on, however long it takes to claim.
    function test_periodLimitStopsGrowingAtTheFreeze() public {
        fund(id, metered, LIMIT);
        vm.warp(START + 2 * PERIOD - 1);
        vm.prank(owner);
        validator.freeze(id);
        vm.warp(START + 2 * PERIOD - 1 + GRACE);
        assertSkips(metered, claim(id, metered, 2 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(id, metered, 2 * PERIOD_LIMIT), 2 * PERIOD_LIMIT);
    }

    /// Lifted, the freeze leaves no trace.
    function test_periodLimitAfterAFreezeWasLifted() public {
        fund(id, metered, LIMIT);
        vm.prank(owner);
        validator.freeze(id);
        vm.warp(START + 2 * PERIOD);
        vm.prank(owner);
        validator.unfreeze(id);
        assertSkips(metered, claim(id, metered, 3 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(id, metered, 3 * PERIOD_LIMIT), 3 * PERIOD_LIMIT);
    }

    function test_periodLimitStopsGrowingAtTheRevocation() public {
        fund(id, metered, LIMIT);
        vm.warp(START + 2 * PERIOD - 1);
        vm.prank(owner);
        validator.revoke(id);
        vm.warp(START + 2 * PERIOD - 1 + GRACE);
        assertSkips(metered, claim(id, metered, 2 * PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(id, metered, 2 * PERIOD_LIMIT), 2 * PERIOD_LIMIT);
    }

    /// Frozen first and revoked later: it stopped at the first of the two.
    function test_periodLimitOfWhatWasFrozenAndRevoked() public {
        fund(id, metered, LIMIT);
        vm.warp(START + PERIOD - 1);
        vm.prank(owner);
        validator.freeze(id);
        vm.warp(START + PERIOD + 1);
        vm.prank(owner);
        validator.revoke(id);
        vm.warp(START + PERIOD - 1 + GRACE);
        assertSkips(metered, claim(id, metered, PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(id, metered, PERIOD_LIMIT), PERIOD_LIMIT);
    }

    /// Stopped before it began, claimed after that: one period, as at the very start, and no revert.
    function test_periodLimitOfWhatWasStoppedBeforeItsStart() public {
        for (uint256 i = 0; i < 2; i++) {
            vm.warp(START);
            I.Session memory s = terms(bytes32(i + 1));
            s.validAfter = START + 10;
            bytes32 later = register(s);
            fund(later, metered, LIMIT);
            vm.prank(owner);
            i == 0 ? validator.freeze(later) : validator.revoke(later);
            vm.warp(START + GRACE);
            assertSkips(metered, claim(later, metered, PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
            assertPays(metered, claim(later, metered, PERIOD_LIMIT), PERIOD_LIMIT);
        }
    }
}
