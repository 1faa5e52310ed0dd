// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../src/SessionKeyValidator.sol";
import {TestUSDC} from "../src/TestUSDC.sol";
import {Fixture} from "./support/Fixture.sol";
import {Vm, vm} from "./support/Vm.sol";

/// @notice Batches: who may bring one, of what shape, and what one claim does to the others.
contract SettlementTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = open(100);
    }

    // --- who

    function test_byThePayee() public {
        assertPays(merchant, claim(id, merchant, 40), 40);
    }

    function test_onlyThePayeeOrItsSettler() public {
        I.Claim[] memory claims = batchOf(claim(id, merchant, 40));
        address[5] memory others = [owner, key, metered, settler, stranger];
        for (uint256 i = 0; i < others.length; i++) {
            vm.expectRevert(abi.encodeWithSelector(I.NotSettler.selector, others[i]));
            vm.prank(others[i]);
            validator.settleBatch(ROOT, merchant, token, claims);
        }
        vm.assertEq(validator.claimed(id, merchant), 0, "claimed");
    }

    function test_settlerPaysThePayee() public {
        vm.expectEmit(address(validator));
        emit I.SettlerSet(merchant, settler, true);
        vm.prank(merchant);
        validator.setSettler(settler, true);
        vm.assertTrue(validator.isSettler(merchant, settler), "approved");
        vm.assertFalse(validator.isSettler(metered, settler), "not for others");
        vm.assertFalse(validator.isSettler(settler, merchant), "not the other way about");

        I.Claim[] memory claims = batchOf(claim(id, merchant, 40));
        vm.expectEmit(address(validator));
        emit I.BatchSettled(ROOT, merchant, token, settler, 40, 1, 0);
        vm.prank(settler);
        validator.settleBatch(ROOT, merchant, token, claims);
        vm.assertEq(usdc.balanceOf(merchant), 40, "the payee has it");
        vm.assertEq(usdc.balanceOf(settler), 0, "the settler nothing");

        claims = batchOf(claim(id, metered, 1));
        vm.expectRevert(abi.encodeWithSelector(I.NotSettler.selector, settler));
        vm.prank(settler);
        validator.settleBatch(ROOT, metered, token, claims);
    }

    function test_settlerNoLonger() public {
        vm.startPrank(merchant);
        validator.setSettler(settler, true);
        vm.expectEmit(address(validator));
        emit I.SettlerSet(merchant, settler, false);
        validator.setSettler(settler, false);
        vm.stopPrank();
        vm.assertFalse(validator.isSettler(merchant, settler), "approved");
        I.Claim[] memory claims = batchOf(claim(id, merchant, 40));
        vm.expectRevert(abi.encodeWithSelector(I.NotSettler.selector, settler));
        vm.prank(settler);
        validator.settleBatch(ROOT, merchant, token, claims);
    }

    // --- shape

    function test_emptyBatch() public {
        expectRefusal(I.EmptyBatch.selector);
        settle(merchant, new I.Claim[](0));
    }

    function test_tooLargeBatch() public {
        vm.expectRevert(abi.encodeWithSelector(I.BatchTooLarge.selector, 201, 200));
        settle(merchant, new I.Claim[](201));
    }

    function test_largestBatch() public {
        (I.Claim[] memory claims,) = manySessions(200);
        vm.assertEq(settle(merchant, claims), 200 * 201 / 2, "total");
    }

    // --- one transfer

    function test_oneTransferOfTheSum() public {
        (I.Claim[] memory claims,) = manySessions(10);
        vm.expectCall(address(usdc), abi.encodeCall(usdc.transfer, (merchant, 55)), 1);
        vm.expectCall(address(usdc), abi.encodeWithSelector(usdc.transfer.selector), 1);
        vm.recordLogs();
        vm.assertEq(settle(merchant, claims), 55, "total");

        // One event for each claim, one for the batch, one of the token.
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 12, "events");
        for (uint256 i = 0; i < 10; i++) {
            vm.assertEq(logs[i].topics[0], I.Claimed.selector, "claimed");
            vm.assertEq(logs[i].topics[1], claims[i].sessionId, "in the order of the batch");
        }
        vm.assertEq(logs[10].topics[0], I.BatchSettled.selector, "then the batch");
        vm.assertEq(logs[11].emitter, address(usdc), "the token last");
        vm.assertEq(usdc.balanceOf(merchant), 55, "paid");
    }

    function test_noTransferOfNothing() public {
        vm.expectCall(address(usdc), abi.encodeWithSelector(usdc.transfer.selector), 0);
        assertSkips(merchant, claim(id, merchant, 0), I.ClaimStatus.AlreadyClaimed);
    }

    function test_evidenceRootInTheEvent() public {
        bytes32[3] memory roots = [bytes32(0), bytes32(type(uint256).max), keccak256("other")];
        for (uint128 i = 0; i < roots.length; i++) {
            I.Claim[] memory claims = batchOf(claim(id, merchant, i + 1));
            vm.expectEmit(address(validator));
            emit I.BatchSettled(roots[i], merchant, token, merchant, 1, 1, 0);
            vm.prank(merchant);
            validator.settleBatch(roots[i], merchant, token, claims);
        }
    }

    // --- claims beside each other

    function test_replayedBatchDoesNothing() public {
        (I.Claim[] memory claims, bytes32[] memory ids) = manySessions(100);
        settle(merchant, claims);
        uint256 paid = usdc.balanceOf(merchant);

        vm.expectCall(address(usdc), abi.encodeWithSelector(usdc.transfer.selector), 0);
        vm.recordLogs();
        vm.assertEq(settle(merchant, claims), 0, "total");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        vm.assertEq(logs.length, 101, "events");
        for (uint256 i = 0; i < 100; i++) {
            vm.assertEq(logs[i].topics[0], I.ClaimSkipped.selector, "skipped");
            vm.assertEq(abi.decode(logs[i].data, (uint256)), uint256(I.ClaimStatus.AlreadyClaimed), "reason");
            vm.assertEq(validator.claimed(ids[i], merchant), i + 1, "claimed");
        }
        vm.assertEq(usdc.balanceOf(merchant), paid, "nothing more");
    }

    function test_oneBadAmongHundred() public {
        (I.Claim[] memory claims, bytes32[] memory ids) = manySessions(100);
        claims[57].vs ^= bytes32(uint256(1));
        vm.expectEmit(address(validator));
        emit I.ClaimSkipped(ids[57], merchant, I.ClaimStatus.BadSignature);
        vm.expectEmit(address(validator));
        emit I.Claimed(ids[58], merchant, 59, 59);
        vm.expectEmit(address(validator));
        emit I.BatchSettled(ROOT, merchant, token, merchant, 5050 - 58, 99, 1);
        vm.assertEq(settle(merchant, claims), 5050 - 58, "total");
        vm.assertEq(validator.claimed(ids[57], merchant), 0, "the bad one");
        vm.assertEq(validator.claimed(ids[99], merchant), 100, "one after it");
        vm.assertEq(usdc.balanceOf(merchant), 5050 - 58, "paid");
    }

    function test_allBadAmongHundred() public {
        (I.Claim[] memory claims,) = manySessions(100);
        for (uint256 i = 0; i < 100; i++) {
            claims[i].r = 0;
        }
        vm.expectEmit(address(validator));
        emit I.BatchSettled(ROOT, merchant, token, merchant, 0, 0, 100);
        vm.assertEq(settle(merchant, claims), 0, "total");
    }

    /// Each reason in one batch, around two good claims.
    function test_everyReasonInOneBatch() public {
        fund(id, metered, LIMIT);
        I.Session memory s = terms("later");
        s.validAfter = START + 10;
        bytes32 later = register(s);
        bytes32 frozen = register(terms("frozen"));
        vm.prank(owner);
        validator.freeze(frozen);
        vm.warp(START + GRACE + 1);
        s = terms("later still");
        s.validAfter = START + GRACE + 2;
        later = register(s);

        I.Claim[] memory claims = new I.Claim[](10);
        claims[0] = claim(id, metered, 3);
        claims[1] = claim("none", metered, 1); // UnknownSession
        claims[2] = claim(later, metered, 1); // NotYetValid
        claims[3] = claim(frozen, metered, 1); // ClaimWindowClosed
        claims[4] = claim(id, metered, 3); // AlreadyClaimed
        claims[5] = claimBy(KEY_SECRET, id, metered, 4, 5); // AboveVoucher
        claims[6] = claim(id, metered, LIMIT + 1); // AboveEscrow
        claims[7] = claim(id, metered, 2 * PERIOD_LIMIT + 1); // AbovePeriodLimit
        claims[8] = claimBy(STRANGER_SECRET, id, metered, 5, 5); // BadSignature
        claims[9] = claim(id, metered, 5);

        vm.recordLogs();
        vm.assertEq(settle(metered, claims), 5, "total");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint8[8] memory reasons = [1, 4, 5, 6, 7, 8, 9, 10];
        for (uint256 i = 0; i < reasons.length; i++) {
            vm.assertEq(logs[i + 1].topics[0], I.ClaimSkipped.selector, "skipped");
            vm.assertEq(abi.decode(logs[i + 1].data, (uint256)), reasons[i], "reason");
        }
        vm.assertEq(validator.claimed(id, metered), 5, "claimed");
        vm.assertEq(usdc.balanceOf(metered), 5, "paid");
    }

    function test_sameSessionTwiceInOneBatch() public {
        // Rising: both count, together as much as the second says.
        vm.assertEq(settle(merchant, batchOf(claim(id, merchant, 30), claim(id, merchant, 50))), 50, "rising");
        // The same again: the second is a replay.
        vm.assertEq(settle(merchant, batchOf(claim(id, merchant, 60), claim(id, merchant, 60))), 10, "equal");
        // Falling: the second is below what was claimed.
        vm.assertEq(settle(merchant, batchOf(claim(id, merchant, 80), claim(id, merchant, 70))), 20, "falling");
        // Together above the escrow though each is not.
        vm.assertEq(settle(merchant, batchOf(claim(id, merchant, 100), claim(id, merchant, 101))), 20, "above");
        vm.assertEq(validator.claimed(id, merchant), 100, "claimed");
        vm.assertEq(usdc.balanceOf(merchant), 100, "paid");
        vm.assertEq(usdc.balanceOf(address(validator)), 0, "empty");
    }

    function test_sameSessionTwoHundredTimes() public {
        I.Claim[] memory claims = new I.Claim[](200);
        for (uint128 i = 0; i < 200; i++) {
            claims[i] = claimBy(KEY_SECRET, id, merchant, 100, i / 2 + 1);
        }
        vm.expectEmit(address(validator));
        emit I.BatchSettled(ROOT, merchant, token, merchant, 100, 100, 100);
        vm.assertEq(settle(merchant, claims), 100, "total");
    }

    // --- tokens beside each other

    /// Two tokens in one contract: a batch pays in one of them, and each session's money stays in its own.
    function test_twoTokens() public {
        TestUSDC first = new TestUSDC();
        TestUSDC second = new TestUSDC();
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(first), address(second));
        validator = new SessionKeyValidator(tokens);
        (token, usdc) = (address(first), first);
        bytes32 inFirst = open(100);
        (token, usdc) = (address(second), second);
        bytes32 inSecond = open(100);

        I.Claim[] memory claims = batchOf(claim(inFirst, merchant, 30), claim(inSecond, merchant, 70));
        vm.expectEmit(address(validator));
        emit I.ClaimSkipped(inFirst, merchant, I.ClaimStatus.WrongToken);
        vm.assertEq(settle(merchant, claims), 70, "by the second");
        token = address(first);
        vm.assertEq(settle(merchant, claims), 30, "by the first");
        vm.assertEq(first.balanceOf(merchant), 30, "in the first");
        vm.assertEq(second.balanceOf(merchant), 70, "in the second");

        vm.prank(owner);
        validator.requestWithdraw(inFirst, merchant, ALL);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(inFirst, merchant);
        vm.assertEq(first.balanceOf(owner), 70, "back from the first");
        vm.assertEq(second.balanceOf(owner), 0, "nothing from the second");
    }

    // --- payees beside each other

    function test_payeesDoNotBlockEachOther() public {
        fund(id, metered, 60);
        assertPays(merchant, claim(id, merchant, 100), 100);
        // The first one's escrow is empty; the second's is its own.
        assertPays(metered, claim(id, metered, 60), 60);
        vm.assertEq(validator.claimed(id, merchant), 100, "first");
        vm.assertEq(validator.claimed(id, metered), 60, "second");
    }

    function test_oneDeniedPayeeDoesNotBlockAnother() public {
        fund(id, metered, 60);
        usdc.blacklist(merchant);
        I.Claim[] memory claims = batchOf(claim(id, merchant, 100));
        vm.expectRevert();
        settle(merchant, claims);
        assertPays(metered, claim(id, metered, 60), 60);
    }

    function test_withdrawalFromOnePayeeDoesNotTouchAnother() public {
        fund(id, metered, 60);
        vm.prank(owner);
        validator.requestWithdraw(id, metered, ALL);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, metered);
        assertPays(merchant, claim(id, merchant, 100), 100);
    }

    // --- words

    /// Sessions of one owner, number i (from 1) with a voucher for i.
    function manySessions(uint128 count) private returns (I.Claim[] memory claims, bytes32[] memory ids) {
        claims = new I.Claim[](count);
        ids = new bytes32[](count);
        for (uint128 i = 0; i < count; i++) {
            ids[i] = register(terms(keccak256(abi.encode("many", i))));
            fund(ids[i], merchant, 1_000);
            claims[i] = claim(ids[i], merchant, i + 1);
        }
    }
}
