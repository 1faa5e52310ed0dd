// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice Money back to the owner: asked for, waited for, and never what a payee has claimed.
contract WithdrawalsTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = open(100);
        fund(id, metered, 60);
    }

    // --- asking

    function test_request() public {
        vm.expectEmit(address(validator));
        emit I.WithdrawRequested(id, merchant, 30, START + DELAY);
        request(30);
        I.EscrowState memory part = validator.escrowState(id, merchant);
        vm.assertEq(part.withdrawAmount, 30, "amount");
        vm.assertEq(part.withdrawAvailableAt, START + DELAY, "available");
        vm.assertEq(part.escrow, 100, "nothing has moved");
        vm.assertEq(validator.escrowState(id, metered).withdrawAmount, 0, "not of the other payee");
    }

    function test_oneRequestAtATime() public {
        request(30);
        expectRefusal(I.WithdrawalPending.selector);
        request(1);
        // Each payee's part has its own.
        vm.prank(owner);
        validator.requestWithdraw(id, metered, 1);
    }

    function test_requestOfNothingOrFromNobody() public {
        vm.startPrank(owner);
        expectRefusal(I.ZeroAmount.selector);
        validator.requestWithdraw(id, merchant, 0);
        expectUnknownPayee(id, stranger);
        validator.requestWithdraw(id, stranger, 1);
        expectUnknownPayee(id, stranger);
        validator.cancelWithdraw(id, stranger);
        expectUnknownPayee(id, stranger);
        validator.finalizeWithdraw(id, stranger);
        vm.stopPrank();
    }

    function test_requestInEachStatus() public {
        I.Session memory s = terms("later");
        s.validAfter = START + 1 days;
        bytes32 later = register(s);
        vm.startPrank(owner);
        validator.requestWithdraw(later, merchant, 1); // pending
        validator.freeze(id);
        validator.requestWithdraw(id, merchant, 1); // frozen
        validator.revoke(id);
        validator.requestWithdraw(id, metered, 1); // revoked
        vm.warp(END + 365 days);
        validator.requestWithdraw(later, metered, 1); // expired
        vm.stopPrank();
        vm.assertEq(
            validator.escrowState(later, metered).withdrawAvailableAt,
            END + 365 days + DELAY,
            "delay holds after the end"
        );
    }

    // --- cancelling

    function test_cancel() public {
        request(30);
        vm.expectEmit(address(validator));
        emit I.WithdrawCancelled(id, merchant);
        vm.prank(owner);
        validator.cancelWithdraw(id, merchant);
        I.EscrowState memory part = validator.escrowState(id, merchant);
        vm.assertEq(part.withdrawAmount, 0, "amount");
        vm.assertEq(part.withdrawAvailableAt, 0, "available");

        vm.warp(START + DELAY);
        expectRefusal(I.NoWithdrawal.selector);
        validator.finalizeWithdraw(id, merchant);
    }

    function test_cancelWhatWasNotAskedFor() public {
        expectRefusal(I.NoWithdrawal.selector);
        vm.prank(owner);
        validator.cancelWithdraw(id, merchant);
    }

    /// A request after a cancelled one waits for the whole delay again.
    function test_cancelAndAskAgain() public {
        request(30);
        vm.warp(START + DELAY);
        vm.startPrank(owner);
        validator.cancelWithdraw(id, merchant);
        validator.requestWithdraw(id, merchant, 30);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(I.WithdrawalNotReady.selector, START + 2 * DELAY));
        validator.finalizeWithdraw(id, merchant);
    }

    // --- waiting and paying

    function test_notBeforeTheDelay() public {
        request(30);
        vm.warp(START + DELAY - 1);
        vm.expectRevert(abi.encodeWithSelector(I.WithdrawalNotReady.selector, START + DELAY));
        validator.finalizeWithdraw(id, merchant);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 30, "paid");
    }

    function test_byAnybodyToTheOwner() public {
        request(30);
        vm.warp(START + DELAY);
        vm.expectEmit(address(validator));
        emit I.Withdrawn(id, merchant, 30, 70);
        vm.prank(stranger);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 30, "the owner has it");
        vm.assertEq(usdc.balanceOf(stranger), 0, "the caller nothing");
        I.EscrowState memory part = validator.escrowState(id, merchant);
        vm.assertEq(part.escrow, 70, "escrow");
        vm.assertEq(part.withdrawAmount, 0, "no request any more");
        vm.assertEq(part.withdrawAvailableAt, 0, "no date any more");
        vm.assertEq(validator.escrow(id, metered), 60, "the other payee's escrow");
    }

    function test_onlyOnce() public {
        request(30);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        expectRefusal(I.NoWithdrawal.selector);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 30, "once");
    }

    function test_withoutRequest() public {
        vm.warp(END);
        expectRefusal(I.NoWithdrawal.selector);
        validator.finalizeWithdraw(id, merchant);
    }

    function test_all() public {
        finish(ALL);
        vm.assertEq(usdc.balanceOf(owner), 100, "all");
        vm.assertEq(validator.escrow(id, merchant), 0, "escrow");
        vm.assertEq(usdc.balanceOf(address(validator)), 60, "not the other payee's");
    }

    function test_moreThanThereIs() public {
        finish(101);
        vm.assertEq(usdc.balanceOf(owner), 100, "what there is");
    }

    function test_whatCameAfterTheRequestIsInAll() public {
        request(ALL);
        fund(id, merchant, 11);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 111, "all");
    }

    // --- claims and withdrawals

    function test_claimThenWithdrawal() public {
        request(ALL);
        vm.warp(START + DELAY);
        assertPays(merchant, claim(id, merchant, 70), 70);
        vm.expectEmit(address(validator));
        emit I.Withdrawn(id, merchant, 30, 70);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 30, "the rest");
        vm.assertEq(validator.escrow(id, merchant), 70, "escrow is what was claimed");
        vm.assertEq(validator.claimed(id, merchant), 70, "claimed");
        assertSkips(merchant, claim(id, merchant, 71), I.ClaimStatus.AboveEscrow);
    }

    function test_withdrawalThenClaim() public {
        finish(80);
        assertSkips(merchant, claim(id, merchant, 70), I.ClaimStatus.AboveEscrow);
        // By the same voucher, what is left can be had.
        assertPays(merchant, claimBy(KEY_SECRET, id, merchant, 70, 20), 20);
    }

    /// A request does not hold money back from claims while it waits.
    function test_claimWhileARequestWaits() public {
        request(ALL);
        assertPays(merchant, claim(id, merchant, 100), 100);
    }

    /// Nothing is left: the request still ends, with a withdrawal of nothing and no transfer.
    function test_withdrawalOfNothing() public {
        request(ALL);
        assertPays(merchant, claim(id, merchant, 100), 100);
        vm.warp(START + DELAY);
        vm.expectCall(address(usdc), abi.encodeWithSelector(usdc.transfer.selector), 0);
        vm.expectEmit(address(validator));
        emit I.Withdrawn(id, merchant, 0, 100);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 0, "nothing");
        request(1);
    }

    /// A voucher that was paid is worth nothing again after the money went out and came back.
    function test_replayAfterWithdrawalAndDeposit() public {
        I.Claim memory paid = claim(id, merchant, 40);
        assertPays(merchant, paid, 40);
        finish(ALL);
        vm.assertEq(validator.escrow(id, merchant), 40, "escrow");
        fund(id, merchant, 60);
        assertSkips(merchant, paid, I.ClaimStatus.AlreadyClaimed);
        vm.assertEq(usdc.balanceOf(merchant), 40, "paid once");
        assertPays(merchant, claim(id, merchant, 45), 5);
    }

    /// One that was not claimed in time is good again as soon as there is money, within what it says.
    function test_unclaimedVoucherAfterWithdrawalAndDeposit() public {
        I.Claim memory late = claim(id, merchant, 40);
        finish(ALL);
        assertSkips(merchant, late, I.ClaimStatus.AboveEscrow);
        fund(id, merchant, 100);
        assertPays(merchant, late, 40);
    }

    /// Claimed and withdrawn money makes room only for what was withdrawn: the limit is on what a payee can get.
    function test_roomAfterWithdrawal() public {
        fund(id, merchant, LIMIT - 100);
        assertPays(merchant, claim(id, merchant, 40), 40);
        finish(ALL);
        usdc.mint(owner, LIMIT);
        vm.startPrank(owner);
        usdc.approve(address(validator), LIMIT);
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, LIMIT + 1));
        validator.deposit(id, merchant, LIMIT - 39);
        validator.deposit(id, merchant, LIMIT - 40);
        vm.stopPrank();
        assertPays(merchant, claim(id, merchant, LIMIT), LIMIT - 40);
        vm.assertEq(usdc.balanceOf(merchant), LIMIT, "never more than the limit");
    }

    function test_donationsAreNotWithdrawn() public {
        usdc.mint(address(validator), 1_000);
        finish(ALL);
        vm.assertEq(usdc.balanceOf(owner), 100, "only what was deposited");
    }

    function request(uint128 amount) private {
        vm.prank(owner);
        validator.requestWithdraw(id, merchant, amount);
    }

    function finish(uint128 amount) private {
        request(amount);
        vm.warp(block.timestamp + DELAY);
        validator.finalizeWithdraw(id, merchant);
    }
}
