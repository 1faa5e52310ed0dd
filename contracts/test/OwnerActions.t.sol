// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {vm} from "./support/Vm.sol";

/// @notice Freeze, unfreeze, revoke and rotate by the owner itself: who may, in which status, and what is left. What
/// they mean for claims is in ClaimWindows.t.sol.
contract OwnerActionsTest is Fixture {
    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = register(terms());
    }

    // --- freeze

    function test_freeze() public {
        vm.warp(START + 5);
        vm.expectEmit(address(validator));
        emit I.Frozen(id, START + 5 + GRACE);
        vm.prank(owner);
        validator.freeze(id);
        assertStatus(id, I.SessionStatus.Frozen);
        vm.assertEq(stateOf(id).claimableUntil, START + 5 + GRACE, "claimable until");
    }

    function test_freezeOnlyOnce() public {
        vm.startPrank(owner);
        validator.freeze(id);
        expectWrongStatus(I.SessionStatus.Frozen);
        validator.freeze(id);
        vm.stopPrank();
    }

    function test_freezeBeforeTheStart() public {
        I.Session memory s = terms("later");
        s.validAfter = START + 10;
        bytes32 later = register(s);
        vm.prank(owner);
        validator.freeze(later);
        assertStatus(later, I.SessionStatus.Frozen);
        vm.prank(owner);
        validator.unfreeze(later);
        assertStatus(later, I.SessionStatus.Pending);
    }

    /// The last second before expiry: the window is that of the freeze, which is the shorter one.
    function test_freezeJustBeforeTheEnd() public {
        vm.warp(END - 1);
        vm.prank(owner);
        validator.freeze(id);
        vm.assertEq(stateOf(id).claimableUntil, END - 1 + GRACE, "claimable until");
        vm.warp(END);
        assertStatus(id, I.SessionStatus.Expired);
        vm.assertEq(stateOf(id).claimableUntil, END - 1 + GRACE, "not longer by expiry");
    }

    // --- unfreeze

    function test_unfreeze() public {
        vm.startPrank(owner);
        validator.freeze(id);
        vm.expectEmit(address(validator));
        emit I.Unfrozen(id);
        validator.unfreeze(id);
        assertStatus(id, I.SessionStatus.Active);
        vm.assertEq(stateOf(id).claimableUntil, END + GRACE, "as before the freeze");

        // And again.
        validator.freeze(id);
        assertStatus(id, I.SessionStatus.Frozen);
        vm.stopPrank();
    }

    function test_unfreezeWhatIsNotFrozen() public {
        expectWrongStatus(I.SessionStatus.Active);
        vm.prank(owner);
        validator.unfreeze(id);

        vm.prank(owner);
        validator.freeze(id);
        vm.warp(END);
        expectWrongStatus(I.SessionStatus.Expired);
        vm.prank(owner);
        validator.unfreeze(id);
    }

    // --- revoke

    function test_revoke() public {
        vm.warp(START + 7);
        vm.expectEmit(address(validator));
        emit I.Revoked(id, START + 7 + GRACE);
        vm.prank(owner);
        validator.revoke(id);
        assertStatus(id, I.SessionStatus.Revoked);
        vm.assertEq(stateOf(id).claimableUntil, START + 7 + GRACE, "claimable until");
    }

    function test_revokeIsForEver() public {
        vm.startPrank(owner);
        validator.revoke(id);
        expectWrongStatus(I.SessionStatus.Revoked);
        validator.revoke(id);
        expectWrongStatus(I.SessionStatus.Revoked);
        validator.unfreeze(id);
        expectWrongStatus(I.SessionStatus.Revoked);
        validator.freeze(id);
        expectWrongStatus(I.SessionStatus.Revoked);
        validator.rotateKey(id, otherKey);
        vm.stopPrank();
        vm.warp(END);
        assertStatus(id, I.SessionStatus.Revoked);
    }

    /// Revoking what is frozen already does not open the window again that the freeze began to close.
    function test_revokeWhileFrozen() public {
        vm.prank(owner);
        validator.freeze(id);
        vm.warp(START + 100);
        vm.expectEmit(address(validator));
        emit I.Revoked(id, START + GRACE);
        vm.prank(owner);
        validator.revoke(id);
        vm.assertEq(stateOf(id).claimableUntil, START + GRACE, "claimable until");
    }

    function test_revokeBeforeTheStart() public {
        I.Session memory s = terms("later");
        s.validAfter = START + 10;
        bytes32 later = register(s);
        vm.prank(owner);
        validator.revoke(later);
        assertStatus(later, I.SessionStatus.Revoked);
    }

    // --- rotate

    function test_rotateKey() public {
        vm.warp(START + 9);
        vm.expectEmit(address(validator));
        emit I.KeyRotated(id, key, otherKey, START + 9 + GRACE);
        vm.prank(owner);
        validator.rotateKey(id, otherKey);

        I.SessionState memory state = stateOf(id);
        vm.assertEq(state.key, otherKey, "key");
        vm.assertEq(state.previousKey, key, "previous key");
        vm.assertEq(state.previousKeyUntil, START + 9 + GRACE, "previous key until");
        vm.assertEq(uint256(state.status), uint256(I.SessionStatus.Active), "status");
        vm.assertEq(state.claimableUntil, END + GRACE, "claimable until");
    }

    function test_rotateKeyToNoneOrTheSame() public {
        vm.startPrank(owner);
        expectInvalid("key");
        validator.rotateKey(id, address(0));
        expectInvalid("key");
        validator.rotateKey(id, key);
        vm.stopPrank();
        vm.assertEq(stateOf(id).key, key, "key");
    }

    function test_rotateKeyAndBack() public {
        vm.startPrank(owner);
        validator.rotateKey(id, otherKey);
        vm.warp(START + 50);
        validator.rotateKey(id, key);
        vm.stopPrank();
        I.SessionState memory state = stateOf(id);
        vm.assertEq(state.key, key, "key");
        vm.assertEq(state.previousKey, otherKey, "previous key");
        vm.assertEq(state.previousKeyUntil, START + 50 + GRACE, "previous key until");
    }

    /// What an owner does whose key was stolen: freeze, rotate, unfreeze.
    function test_rotateKeyWhileFrozen() public {
        vm.startPrank(owner);
        validator.freeze(id);
        validator.rotateKey(id, otherKey);
        assertStatus(id, I.SessionStatus.Frozen);
        validator.unfreeze(id);
        vm.stopPrank();
        vm.assertEq(stateOf(id).key, otherKey, "key");
        assertStatus(id, I.SessionStatus.Active);
    }

    // --- who and when

    function test_afterTheEnd() public {
        vm.warp(END);
        vm.startPrank(owner);
        expectWrongStatus(I.SessionStatus.Expired);
        validator.freeze(id);
        expectWrongStatus(I.SessionStatus.Expired);
        validator.unfreeze(id);
        expectWrongStatus(I.SessionStatus.Expired);
        validator.revoke(id);
        expectWrongStatus(I.SessionStatus.Expired);
        validator.rotateKey(id, otherKey);
        vm.stopPrank();
        vm.assertEq(stateOf(id).claimableUntil, END + GRACE, "claimable until");
    }

    /// Neither a stranger, nor the key, nor a payee, its settler or its guardian.
    function test_nobodyElse() public {
        vm.startPrank(merchant);
        validator.setSettler(settler, true);
        validator.setGuardian(guardian);
        vm.stopPrank();
        address[5] memory others = [stranger, key, merchant, settler, guardian];
        for (uint256 i = 0; i < others.length; i++) {
            vm.startPrank(others[i]);
            expectNotOwner(others[i]);
            validator.freeze(id);
            expectNotOwner(others[i]);
            validator.unfreeze(id);
            expectNotOwner(others[i]);
            validator.revoke(id);
            expectNotOwner(others[i]);
            validator.rotateKey(id, otherKey);
            expectNotOwner(others[i]);
            validator.requestWithdraw(id, merchant, 1);
            expectNotOwner(others[i]);
            validator.cancelWithdraw(id, merchant);
            vm.stopPrank();
        }
    }

    function test_unknownSession() public {
        bytes32 none = "none";
        vm.startPrank(owner);
        expectUnknown(none);
        validator.freeze(none);
        expectUnknown(none);
        validator.unfreeze(none);
        expectUnknown(none);
        validator.revoke(none);
        expectUnknown(none);
        validator.rotateKey(none, otherKey);
        expectUnknown(none);
        validator.requestWithdraw(none, merchant, 1);
        expectUnknown(none);
        validator.cancelWithdraw(none, merchant);
        expectUnknown(none);
        validator.finalizeWithdraw(none, merchant);
        vm.stopPrank();
        // The zero address owns nothing, not even what is not there.
        expectUnknown(none);
        vm.prank(address(0));
        validator.freeze(none);
    }
}
