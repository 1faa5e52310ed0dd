// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice A payee's guardian marks that payee's part as frozen, and can do nothing else.
contract GuardianTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = open(100);
        vm.prank(merchant);
        validator.setGuardian(guardian);
    }

    function test_eachPayeeNamesItsOwn() public {
        vm.assertEq(validator.guardianOf(merchant), guardian, "guardian");
        vm.assertEq(validator.guardianOf(metered), address(0), "none");

        vm.expectEmit(address(validator));
        emit I.GuardianSet(metered, stranger);
        vm.prank(metered);
        validator.setGuardian(stranger);
        vm.assertEq(validator.guardianOf(metered), stranger, "its own");
        vm.assertEq(validator.guardianOf(merchant), guardian, "the other's stays");
    }

    function test_freezesAndUnfreezesOnePart() public {
        fund(id, metered, 50);
        vm.expectEmit(address(validator));
        emit I.GuardianFrozen(id, merchant, guardian);
        vm.prank(guardian);
        validator.guardianFreeze(id, merchant);
        vm.assertTrue(validator.escrowState(id, merchant).guardianFrozen, "this part");
        vm.assertFalse(validator.escrowState(id, metered).guardianFrozen, "not the other");

        vm.expectEmit(address(validator));
        emit I.GuardianUnfrozen(id, merchant, guardian);
        vm.prank(guardian);
        validator.guardianUnfreeze(id, merchant);
        vm.assertFalse(validator.escrowState(id, merchant).guardianFrozen, "no longer");
    }

    /// A rule engine may say it twice: no error, no second event.
    function test_twiceIsOnce() public {
        vm.startPrank(guardian);
        validator.guardianUnfreeze(id, merchant);
        validator.guardianFreeze(id, merchant);
        vm.recordLogs();
        validator.guardianFreeze(id, merchant);
        vm.assertEq(vm.getRecordedLogs().length, 0, "events of the second freeze");
        vm.assertTrue(validator.escrowState(id, merchant).guardianFrozen, "frozen");
        validator.guardianUnfreeze(id, merchant);
        vm.recordLogs();
        validator.guardianUnfreeze(id, merchant);
        vm.assertEq(vm.getRecordedLogs().length, 0, "events of the second unfreeze");
        vm.stopPrank();
    }

    function test_onlyTheGuardian() public {
        fund(id, metered, 50);
        address[5] memory others = [owner, merchant, key, stranger, address(0)];
        for (uint256 i = 0; i < others.length; i++) {
            vm.startPrank(others[i]);
            vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, others[i]));
            validator.guardianFreeze(id, merchant);
            vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, others[i]));
            validator.guardianUnfreeze(id, merchant);
            vm.stopPrank();
        }
        // Nor the guardian of one payee for another.
        vm.startPrank(guardian);
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, guardian));
        validator.guardianFreeze(id, metered);
        vm.stopPrank();
    }

    function test_noLongerTheGuardian() public {
        vm.prank(guardian);
        validator.guardianFreeze(id, merchant);
        vm.prank(merchant);
        validator.setGuardian(stranger);
        vm.expectRevert(abi.encodeWithSelector(I.NotGuardian.selector, guardian));
        vm.prank(guardian);
        validator.guardianUnfreeze(id, merchant);
        // What the last one froze, the next one can lift.
        vm.prank(stranger);
        validator.guardianUnfreeze(id, merchant);
        vm.assertFalse(validator.escrowState(id, merchant).guardianFrozen, "lifted");
    }

    function test_unknownSessionAndPayee() public {
        vm.startPrank(guardian);
        expectUnknown("none");
        validator.guardianFreeze("none", merchant);
        expectUnknown("none");
        validator.guardianUnfreeze("none", merchant);
        vm.stopPrank();

        vm.prank(stranger);
        validator.setGuardian(guardian);
        vm.startPrank(guardian);
        expectUnknownPayee(id, stranger);
        validator.guardianFreeze(id, stranger);
        expectUnknownPayee(id, stranger);
        validator.guardianUnfreeze(id, stranger);
        vm.stopPrank();
    }

    /// It moves no money and ends no claims: what was earned is paid while the part is frozen.
    function test_endsNoClaims() public {
        vm.prank(guardian);
        validator.guardianFreeze(id, merchant);
        assertStatus(id, I.SessionStatus.Active);
        vm.assertEq(stateOf(id).claimableUntil, END + GRACE, "window");
        assertPays(merchant, claim(id, merchant, 40), 40);
        vm.assertEq(usdc.balanceOf(guardian), 0, "nothing for the guardian");
        vm.assertTrue(validator.escrowState(id, merchant).guardianFrozen, "still frozen");
    }

    function test_holdsUpNoWithdrawal() public {
        vm.prank(guardian);
        validator.guardianFreeze(id, merchant);
        vm.prank(owner);
        validator.requestWithdraw(id, merchant, ALL);
        vm.warp(START + DELAY);
        validator.finalizeWithdraw(id, merchant);
        vm.assertEq(usdc.balanceOf(owner), 100, "withdrawn");
        vm.assertTrue(validator.escrowState(id, merchant).guardianFrozen, "still frozen");
    }

    function test_doesNotTouchTheOwnersFreeze() public {
        vm.prank(owner);
        validator.freeze(id);
        vm.startPrank(guardian);
        validator.guardianFreeze(id, merchant);
        validator.guardianUnfreeze(id, merchant);
        vm.stopPrank();
        assertStatus(id, I.SessionStatus.Frozen);
        vm.assertEq(stateOf(id).claimableUntil, START + GRACE, "window");
        // And the owner's unfreeze not the guardian's.
        vm.prank(guardian);
        validator.guardianFreeze(id, merchant);
        vm.prank(owner);
        validator.unfreeze(id);
        vm.assertTrue(validator.escrowState(id, merchant).guardianFrozen, "still frozen");
    }

    /// Also when the session is over: a guardian's mark is not about time.
    function test_inAnyStatus() public {
        vm.prank(owner);
        validator.revoke(id);
        vm.warp(END + 365 days);
        vm.prank(guardian);
        validator.guardianFreeze(id, merchant);
        vm.assertTrue(validator.escrowState(id, merchant).guardianFrozen, "frozen");
    }

    function test_isNoSettler() public {
        I.Claim[] memory claims = batchOf(claim(id, merchant, 40));
        vm.expectRevert(abi.encodeWithSelector(I.NotSettler.selector, guardian));
        vm.prank(guardian);
        validator.settleBatch(ROOT, merchant, token, claims);
    }
}
