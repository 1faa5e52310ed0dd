// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice Money into escrow by ERC-20 approval: by the owner, and by anybody else for the owner.
contract DepositsTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = register(terms());
        for (uint256 i = 0; i < 2; i++) {
            address payer = i == 0 ? owner : stranger;
            usdc.mint(payer, 1_000 * USDC);
            vm.prank(payer);
            usdc.approve(address(validator), ALL);
        }
    }

    // --- by the owner

    function test_intoOnePart() public {
        vm.expectEmit(address(validator));
        emit I.Deposited(id, merchant, owner, 30, 30);
        vm.prank(owner);
        validator.deposit(id, merchant, 30);

        vm.expectEmit(address(validator));
        emit I.Deposited(id, merchant, owner, 12, 42);
        vm.prank(owner);
        validator.deposit(id, merchant, 12);

        vm.assertEq(validator.escrow(id, merchant), 42, "escrow");
        vm.assertEq(validator.escrow(id, metered), 0, "escrow of the other payee");
        vm.assertEq(usdc.balanceOf(address(validator)), 42, "balance");
        vm.assertEq(usdc.balanceOf(owner), 1_000 * USDC - 42, "paid by the owner");
    }

    function test_onlyByTheOwner() public {
        expectNotOwner(stranger);
        vm.prank(stranger);
        validator.deposit(id, merchant, 1);
        // The key signs vouchers and can do nothing else.
        expectNotOwner(key);
        vm.prank(key);
        validator.deposit(id, merchant, 1);
    }

    function test_upToTheLimitAndNoFurther() public {
        vm.startPrank(owner);
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, LIMIT + 1));
        validator.deposit(id, merchant, LIMIT + 1);

        validator.deposit(id, merchant, LIMIT);
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, LIMIT + 1));
        validator.deposit(id, merchant, 1);

        // The sum is reported without overflow.
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, uint256(LIMIT) + ALL));
        validator.deposit(id, merchant, ALL);
        vm.stopPrank();
        vm.assertEq(validator.escrow(id, merchant), LIMIT, "escrow");
    }

    /// What was claimed stays in the sum: the limit is for the whole life of the session.
    function test_claimsMakeNoRoom() public {
        vm.prank(owner);
        validator.deposit(id, merchant, LIMIT);
        assertPays(merchant, claim(id, merchant, LIMIT), LIMIT);
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, LIMIT + 1));
        vm.prank(owner);
        validator.deposit(id, merchant, 1);
    }

    function test_nothing() public {
        expectRefusal(I.ZeroAmount.selector);
        vm.prank(owner);
        validator.deposit(id, merchant, 0);
        expectRefusal(I.ZeroAmount.selector);
        validator.depositFor(id, merchant, 0);
    }

    function test_unknownSessionAndPayee() public {
        expectUnknown("none");
        vm.prank(owner);
        validator.deposit("none", merchant, 1);
        expectUnknown("none");
        validator.depositFor("none", merchant, 1);
        expectUnknownPayee(id, stranger);
        vm.prank(owner);
        validator.deposit(id, stranger, 1);
        expectUnknownPayee(id, address(0));
        validator.depositFor(id, address(0), 1);
    }

    function test_withoutMoneyOrApproval() public {
        vm.startPrank(owner);
        usdc.approve(address(validator), 5);
        vm.expectRevert(
            abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, address(validator), 5, 6)
        );
        validator.deposit(id, merchant, 6);
        usdc.transfer(stranger, usdc.balanceOf(owner) - 4);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, owner, 4, 5));
        validator.deposit(id, merchant, 5);
        vm.stopPrank();
        vm.assertEq(validator.escrow(id, merchant), 0, "nothing was credited");
    }

    function test_inEachStatus() public {
        I.Session memory later = terms("later");
        later.validAfter = START + 1 days;
        bytes32 pending = register(later);
        vm.prank(owner);
        validator.deposit(pending, merchant, 1);

        vm.startPrank(owner);
        validator.freeze(id);
        validator.deposit(id, merchant, 1);
        validator.revoke(id);
        expectWrongStatus(I.SessionStatus.Revoked);
        validator.deposit(id, merchant, 1);
        vm.stopPrank();
        expectWrongStatus(I.SessionStatus.Revoked);
        vm.prank(stranger);
        validator.depositFor(id, merchant, 1);

        vm.warp(END - 1);
        vm.prank(owner);
        validator.deposit(pending, merchant, 1);
        vm.warp(END);
        expectWrongStatus(I.SessionStatus.Expired);
        vm.prank(owner);
        validator.deposit(pending, merchant, 1);
    }

    // --- for the owner

    function test_forTheOwner() public {
        vm.expectEmit(address(validator));
        emit I.Deposited(id, merchant, stranger, 25, 25);
        vm.prank(stranger);
        validator.depositFor(id, merchant, 25);

        vm.assertEq(validator.escrow(id, merchant), 25, "escrow");
        vm.assertEq(usdc.balanceOf(stranger), 1_000 * USDC - 25, "paid by the caller");
        vm.assertEq(usdc.balanceOf(owner), 1_000 * USDC, "not by the owner");
        assertPays(merchant, claim(id, merchant, 25), 25);
    }

    function test_forTheOwnerTakesWhatFits() public {
        vm.prank(owner);
        validator.deposit(id, merchant, LIMIT - 10);

        vm.expectEmit(address(validator));
        emit I.Deposited(id, merchant, stranger, 10, LIMIT);
        vm.prank(stranger);
        validator.depositFor(id, merchant, 11);
        vm.assertEq(usdc.balanceOf(stranger), 1_000 * USDC - 10, "only what fits was taken");
        vm.assertEq(validator.escrow(id, merchant), LIMIT, "escrow");

        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, uint256(LIMIT) + 5));
        vm.prank(stranger);
        validator.depositFor(id, merchant, 5);
    }

    /// A stranger's dust before the owner's deposit can make that one fail. It gains nothing: the dust is the
    /// owner's from then on, and what is missing goes in by the next call.
    function test_dustCostsWhoSendsItAndBlocksNothing() public {
        vm.prank(stranger);
        validator.depositFor(id, merchant, 1);
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, LIMIT + 1));
        vm.prank(owner);
        validator.deposit(id, merchant, LIMIT);

        // By the amount that is left, or by letting the contract work that out.
        uint256 before = usdc.balanceOf(owner);
        vm.prank(owner);
        validator.depositFor(id, merchant, LIMIT);
        vm.assertEq(validator.escrow(id, merchant), LIMIT, "full");
        vm.assertEq(usdc.balanceOf(owner), before - LIMIT + 1, "the owner paid one less");

        vm.startPrank(owner);
        validator.requestWithdraw(id, merchant, ALL);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.stopPrank();
        vm.assertEq(usdc.balanceOf(owner), before + 1, "the dust is the owner's");
    }

    function test_dustInOnePartDoesNotFillAnother() public {
        vm.prank(stranger);
        validator.depositFor(id, metered, LIMIT);
        vm.prank(owner);
        validator.deposit(id, merchant, LIMIT);
        vm.assertEq(usdc.balanceOf(address(validator)), 2 * LIMIT, "both are full");
    }

    /// Tokens that somebody simply sends here are nobody's escrow.
    function test_plainTransferIsNoDeposit() public {
        vm.prank(stranger);
        usdc.transfer(address(validator), 50);
        vm.assertEq(validator.escrow(id, merchant), 0, "escrow");
        assertSkips(merchant, claim(id, merchant, 1), I.ClaimStatus.AboveEscrow);
        vm.prank(owner);
        validator.deposit(id, merchant, 5);
        assertSkips(merchant, claim(id, merchant, 6), I.ClaimStatus.AboveEscrow);
    }
}
