// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {TestUSDC} from "../src/TestUSDC.sol";
import {Fixture} from "./support/Fixture.sol";
import {
    BonusToken,
    CallingToken,
    DenylistToken,
    DrainToken,
    FalseToken,
    FeeToken,
    Ledger,
    NoReturnToken,
    SwallowingToken
} from "./support/Tokens.sol";
import {vm} from "./support/Vm.sol";

/// @notice Tokens that do not do what they are asked, or do more than that. Whoever deploys the contract should not
/// allow them; if it happens, the books must still be right.
contract OddTokensTest is Fixture {
    // --- what arrives is not what was asked for

    function test_feeOnTransfer() public {
        bytes32 id = owning(new FeeToken(), 1_000);
        assertEachDepositRefused(id, 500, 495);
    }

    function test_moreThanAskedFor() public {
        bytes32 id = owning(new BonusToken(), 1_000);
        assertEachDepositRefused(id, 500, 501);
    }

    function test_lessThanBefore() public {
        DrainToken drain = new DrainToken();
        bytes32 id = owning(drain, 1_000);
        drain.mint(address(validator), 10);
        assertEachDepositRefused(id, 500, 0);
    }

    function test_saysNo() public {
        bytes32 id = owning(new FalseToken(), 1_000);
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token));
        vm.prank(owner);
        validator.deposit(id, merchant, 500);
        vm.assertEq(validator.escrow(id, merchant), 0, "escrow");
    }

    /// The token refuses to pay out: the whole batch is undone, nothing counts as claimed.
    function test_saysNoToThePayout() public {
        FalseToken no = new FalseToken();
        bytes32 id = owning(no, 1_000);
        validator.depositWithAuthorization(id, merchant, owner, 500, 0, 0, END, "");
        I.Claim[] memory claims = batchOf(claim(id, merchant, 500));
        vm.expectRevert(abi.encodeWithSelector(SafeERC20.SafeERC20FailedOperation.selector, token));
        vm.prank(merchant);
        validator.settleBatch(ROOT, merchant, token, claims);
        vm.assertEq(validator.claimed(id, merchant), 0, "claimed");
    }

    function test_authorizationThatMovesNothing() public {
        bytes32 id = owning(new SwallowingToken(), 1_000);
        expectReceived(500, 0);
        validator.depositWithAuthorization(id, merchant, owner, 500, 0, 0, END, "");
        expectReceived(500, 0);
        validator.openWithAuthorization(terms("new"), key, merchant, 500, 0, 0, END, "");
        assertStatus(validator.sessionIdOf(terms("new")), I.SessionStatus.None);
    }

    function test_tokenWithoutCode() public {
        useToken(stranger);
        bytes32 id = register(terms());
        vm.expectRevert();
        vm.prank(owner);
        validator.deposit(id, merchant, 1);
        vm.assertEq(validator.escrow(id, merchant), 0, "escrow");
    }

    // --- says nothing

    function test_noReturnValue() public {
        NoReturnToken silent = new NoReturnToken();
        bytes32 id = owning(silent, 1_000);
        vm.prank(owner);
        validator.deposit(id, merchant, 500);
        vm.assertEq(settle(merchant, claim(id, merchant, 200)), 200, "total");
        vm.assertEq(silent.balanceOf(merchant), 200, "paid");

        vm.startPrank(owner);
        validator.requestWithdraw(id, merchant, ALL);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.stopPrank();
        vm.assertEq(silent.balanceOf(owner), 800, "withdrawn");
        vm.assertEq(silent.balanceOf(address(validator)), 0, "empty");
    }

    // --- refuses somebody

    function test_deniedPayee() public {
        DenylistToken listed = new DenylistToken();
        bytes32 id = owning(listed, 1_000);
        vm.startPrank(owner);
        validator.deposit(id, merchant, 500);
        validator.deposit(id, metered, 500);
        vm.stopPrank();
        listed.setDenied(merchant, true);

        I.Claim[] memory claims = batchOf(claim(id, merchant, 500));
        vm.expectRevert(abi.encodeWithSelector(DenylistToken.Denied.selector, merchant));
        vm.prank(merchant);
        validator.settleBatch(ROOT, merchant, token, claims);
        vm.assertEq(validator.claimed(id, merchant), 0, "claimed");

        // Others are paid, and the owner gets back what the payee cannot collect.
        vm.assertEq(settle(metered, claim(id, metered, 500)), 500, "the other payee");
        vm.startPrank(owner);
        validator.requestWithdraw(id, merchant, ALL);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.stopPrank();
        vm.assertEq(listed.balanceOf(owner), 500, "withdrawn");
    }

    function test_deniedPayeeIsPaidLater() public {
        DenylistToken listed = new DenylistToken();
        bytes32 id = owning(listed, 500);
        vm.prank(owner);
        validator.deposit(id, merchant, 500);
        listed.setDenied(merchant, true);
        I.Claim[] memory claims = batchOf(claim(id, merchant, 500));
        vm.expectRevert(abi.encodeWithSelector(DenylistToken.Denied.selector, merchant));
        vm.prank(merchant);
        validator.settleBatch(ROOT, merchant, token, claims);

        listed.setDenied(merchant, false);
        vm.assertEq(settle(merchant, claims), 500, "total");
        vm.assertEq(listed.balanceOf(merchant), 500, "paid");
    }

    function test_deniedOwner() public {
        DenylistToken listed = new DenylistToken();
        bytes32 id = owning(listed, 500);
        vm.startPrank(owner);
        validator.deposit(id, merchant, 500);
        validator.requestWithdraw(id, merchant, 100);
        vm.stopPrank();
        listed.setDenied(owner, true);
        vm.warp(START + DELAY);
        vm.expectRevert(abi.encodeWithSelector(DenylistToken.Denied.selector, owner));
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(validator.escrowState(id, merchant).withdrawAmount, 100, "still asked for");
        // The payee does not suffer from it.
        vm.assertEq(settle(merchant, claim(id, merchant, 450)), 450, "total");

        listed.setDenied(owner, false);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(listed.balanceOf(owner), 50, "what was left");
    }

    function test_usdcDeniesTheContract() public {
        bytes32 id = open(500);
        usdc.blacklist(address(validator));
        I.Claim[] memory claims = batchOf(claim(id, merchant, 500));
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AccountBlacklisted.selector, address(validator)));
        vm.prank(merchant);
        validator.settleBatch(ROOT, merchant, token, claims);
        usdc.unBlacklist(address(validator));
        assertPays(merchant, claims[0], 500);
    }

    // --- calls back

    function test_reentrantWhileSettling() public {
        CallingToken calling = new CallingToken();
        bytes32 id = owning(calling, 1_000);
        vm.prank(owner);
        validator.deposit(id, merchant, 500);
        I.Claim[] memory claims = batchOf(claim(id, merchant, 500));
        // The token itself may settle for the payee, so that only the guard can stop it.
        vm.prank(merchant);
        validator.setSettler(address(calling), true);

        for (uint256 i = 0; i < 2; i++) {
            uint256 state = vm.snapshotState();
            calling.callOnMove(
                address(validator), abi.encodeCall(I.settleBatch, (ROOT, merchant, token, claims)), i == 0
            );
            vm.assertEq(settle(merchant, claims), 500, "total");
            assertGuarded(calling);
            vm.assertEq(calling.balanceOf(merchant), 500, "paid once");
            vm.revertToState(state);
        }
    }

    function test_reentrantWithdrawalWhileSettling() public {
        CallingToken calling = new CallingToken();
        bytes32 id = owning(calling, 1_000);
        vm.startPrank(owner);
        validator.deposit(id, merchant, 500);
        validator.requestWithdraw(id, merchant, ALL);
        vm.stopPrank();
        vm.warp(START + DELAY);

        calling.callOnMove(address(validator), abi.encodeCall(I.finalizeWithdraw, (id, merchant)), true);
        vm.assertEq(settle(merchant, claim(id, merchant, 500)), 500, "total");
        assertGuarded(calling);

        // And a withdrawal within a withdrawal.
        calling.callOnMove(address(0), "", false);
        vm.prank(owner);
        validator.deposit(id, metered, 400);
        vm.prank(owner);
        validator.requestWithdraw(id, metered, ALL);
        vm.warp(block.timestamp + DELAY);
        calling.callOnMove(address(validator), abi.encodeCall(I.finalizeWithdraw, (id, merchant)), true);
        validator.finalizeWithdraw(id, metered);
        assertGuarded(calling);
        vm.assertEq(calling.balanceOf(owner), 500, "withdrawn");
        vm.assertEq(calling.balanceOf(address(validator)), 0, "empty");
    }

    /// A deposit within a deposit would be seen as received twice.
    function test_reentrantWhileDepositing() public {
        CallingToken calling = new CallingToken();
        bytes32 id = owning(calling, 1_000);
        calling.mint(address(calling), 1_000);
        bytes[3] memory inner = [
            abi.encodeCall(I.deposit, (id, merchant, 100)),
            abi.encodeCall(I.depositFor, (id, merchant, 100)),
            abi.encodeCall(I.depositWithAuthorization, (id, merchant, owner, 100, 0, 0, END, ""))
        ];
        for (uint256 i = 0; i < inner.length; i++) {
            calling.callOnMove(address(validator), inner[i], true);
            vm.prank(owner);
            validator.deposit(id, merchant, 100);
            assertGuarded(calling);
            vm.prank(owner);
            validator.depositFor(id, merchant, 100);
            assertGuarded(calling);
            validator.depositWithAuthorization(id, merchant, owner, 100, 1 + i, 0, END, "");
            assertGuarded(calling);
        }
        bytes memory opening = abi.encodeCall(I.openWithAuthorization, (terms("a"), key, merchant, 1, 0, 0, END, ""));
        calling.callOnMove(address(validator), opening, true);
        validator.openWithAuthorization(terms("b"), key, merchant, 1, 0, 0, END, "");
        assertGuarded(calling);
        vm.assertEq(validator.escrow(id, merchant), 900, "escrow");
        vm.assertEq(calling.balanceOf(address(validator)), 901, "balance");
    }

    /// Money that comes in beside the deposit, from somebody else, must not be booked as part of it.
    function test_moneyBesideADeposit() public {
        CallingToken calling = new CallingToken();
        bytes32 id = owning(calling, 1_000);
        calling.callOnMove(address(calling), abi.encodeCall(Ledger.mint, (address(validator), 7)), false);
        expectReceived(100, 107);
        vm.prank(owner);
        validator.deposit(id, merchant, 100);
    }

    /// The owner's own actions are open while a batch pays out, and come too late for it.
    function test_freezeDuringAPayout() public {
        CallingToken calling = new CallingToken();
        I.Session memory s = terms();
        s.owner = address(calling);
        useToken(address(calling));
        s.token = token;
        bytes32 id = register(s);
        calling.mint(stranger, 500);
        vm.startPrank(stranger);
        calling.approve(address(validator), 500);
        validator.depositFor(id, merchant, 500);
        vm.stopPrank();

        calling.callOnMove(address(validator), abi.encodeCall(I.freeze, (id)), true);
        vm.assertEq(settle(merchant, claim(id, merchant, 300)), 300, "total");
        vm.assertTrue(calling.succeeded(), "frozen from inside");
        assertStatus(id, I.SessionStatus.Frozen);
        vm.assertEq(calling.balanceOf(merchant), 300, "paid");
    }

    // --- words

    /// A session in this token, whose owner has that much and has approved all of it.
    function owning(Ledger odd, uint256 amount) private returns (bytes32 id) {
        useToken(address(odd));
        odd.mint(owner, amount);
        vm.prank(owner);
        odd.approve(address(validator), type(uint256).max);
        id = register(terms());
    }

    function assertEachDepositRefused(bytes32 id, uint128 asked, uint256 received) private {
        expectReceived(asked, received);
        vm.prank(owner);
        validator.deposit(id, merchant, asked);
        expectReceived(asked, received);
        vm.prank(owner);
        validator.depositFor(id, merchant, asked);
        expectReceived(asked, received);
        validator.depositWithAuthorization(id, merchant, owner, asked, 0, 0, END, "");
        expectReceived(asked, received);
        validator.openWithAuthorization(terms("new"), key, merchant, asked, 0, 0, END, "");
        vm.assertEq(validator.escrow(id, merchant), 0, "escrow");
    }

    function assertGuarded(CallingToken calling) private view {
        vm.assertTrue(calling.calls() != 0, "it called");
        vm.assertFalse(calling.succeeded(), "and was refused");
        vm.assertEq(
            bytes32(calling.answer()),
            bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector),
            "by the guard"
        );
    }

    function expectReceived(uint256 asked, uint256 received) private {
        vm.expectRevert(abi.encodeWithSelector(I.WrongAmountReceived.selector, asked, received));
    }
}
