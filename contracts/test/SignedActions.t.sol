// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {Wallet} from "./support/Wallets.sol";
import {vm} from "./support/Vm.sol";

/// @notice The owner's actions, signed and brought by somebody else. All five obey the same rules for nonce, deadline
/// and signer, so most tests go over all of them.
contract SignedActionsTest is Fixture {
    enum Action {
        Freeze,
        Unfreeze,
        Revoke,
        RotateKey,
        RequestWithdraw
    }

    uint256 internal constant COUNT = 5;
    uint256 internal constant DEADLINE = START + 1 hours;
    uint128 internal constant ASKED = 33;

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = register(terms());
    }

    // --- what each does

    function test_freezeAndUnfreeze() public {
        vm.expectEmit(address(validator));
        emit I.Frozen(id, START + GRACE);
        bring(Action.Freeze, 0, DEADLINE, ownersSignature(Action.Freeze, 0));
        assertStatus(id, I.SessionStatus.Frozen);
        vm.assertEq(stateOf(id).nonce, 1, "nonce");

        vm.expectEmit(address(validator));
        emit I.Unfrozen(id);
        bring(Action.Unfreeze, 1, DEADLINE, ownersSignature(Action.Unfreeze, 1));
        assertStatus(id, I.SessionStatus.Active);
        vm.assertEq(stateOf(id).nonce, 2, "nonce");
    }

    function test_revoke() public {
        vm.expectEmit(address(validator));
        emit I.Revoked(id, START + GRACE);
        bring(Action.Revoke, 0, DEADLINE, ownersSignature(Action.Revoke, 0));
        assertStatus(id, I.SessionStatus.Revoked);
        vm.assertEq(stateOf(id).nonce, 1, "nonce");
    }

    function test_rotateKey() public {
        vm.expectEmit(address(validator));
        emit I.KeyRotated(id, key, otherKey, START + GRACE);
        bring(Action.RotateKey, 0, DEADLINE, ownersSignature(Action.RotateKey, 0));
        vm.assertEq(stateOf(id).key, otherKey, "key");
        vm.assertEq(stateOf(id).nonce, 1, "nonce");
    }

    function test_requestWithdraw() public {
        vm.expectEmit(address(validator));
        emit I.WithdrawRequested(id, merchant, ASKED, START + DELAY);
        bring(Action.RequestWithdraw, 0, DEADLINE, ownersSignature(Action.RequestWithdraw, 0));
        vm.assertEq(validator.escrowState(id, merchant).withdrawAmount, ASKED, "amount");
        vm.assertEq(stateOf(id).nonce, 1, "nonce");
    }

    function test_walletAsOwner() public {
        Wallet wallet = new Wallet(owner);
        I.Session memory s = terms("wallet");
        s.owner = address(wallet);
        id = register(s);
        bring(Action.Freeze, 0, DEADLINE, ownersSignature(Action.Freeze, 0));
        bring(Action.Unfreeze, 1, DEADLINE, ownersSignature(Action.Unfreeze, 1));
        bring(Action.RotateKey, 2, DEADLINE, ownersSignature(Action.RotateKey, 2));
        bring(Action.RequestWithdraw, 3, DEADLINE, ownersSignature(Action.RequestWithdraw, 3));
        expectRefusal(I.BadOwnerSignature.selector);
        bring(Action.Revoke, 4, DEADLINE, signatureOf(STRANGER_SECRET, Action.Revoke, id, 4, DEADLINE));
        bring(Action.Revoke, 4, DEADLINE, ownersSignature(Action.Revoke, 4));
        assertStatus(id, I.SessionStatus.Revoked);
    }

    // --- deadline

    function test_atTheDeadline() public {
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            bytes memory signature = ownersSignature(action, 0);
            vm.warp(DEADLINE);
            bring(action, 0, DEADLINE, signature);
            vm.assertEq(stateOf(id).nonce, 1, "used");
        }
    }

    function test_afterTheDeadline() public {
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            bytes memory signature = ownersSignature(action, 0);
            vm.warp(DEADLINE + 1);
            vm.expectRevert(abi.encodeWithSelector(I.SignatureExpired.selector, DEADLINE));
            bring(action, 0, DEADLINE, signature);
            // The deadline is signed: another one needs another signature.
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE + 1, signature);
            vm.assertEq(stateOf(id).nonce, 0, "not used");
        }
    }

    // --- nonce

    function test_replay() public {
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            bytes memory signature = ownersSignature(action, 0);
            bring(action, 0, DEADLINE, signature);
            undo(action);
            vm.expectRevert(abi.encodeWithSelector(I.BadNonce.selector, 1, 0));
            bring(action, 0, DEADLINE, signature);
            // The nonce is signed too.
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 1, DEADLINE, signature);
        }
    }

    function test_nonceAhead() public {
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            bytes memory signature = ownersSignature(action, 1);
            vm.expectRevert(abi.encodeWithSelector(I.BadNonce.selector, 0, 1));
            bring(action, 1, DEADLINE, signature);
        }
    }

    /// An action that is refused for its status does not use up the signature.
    function test_refusedActionKeepsTheNonce() public {
        bytes memory signature = ownersSignature(Action.Unfreeze, 0);
        expectWrongStatus(I.SessionStatus.Active);
        bring(Action.Unfreeze, 0, DEADLINE, signature);
        vm.assertEq(stateOf(id).nonce, 0, "nonce");
        vm.prank(owner);
        validator.freeze(id);
        vm.assertEq(stateOf(id).nonce, 0, "acting oneself takes no nonce");
        bring(Action.Unfreeze, 0, DEADLINE, signature);
        assertStatus(id, I.SessionStatus.Active);
    }

    // --- signer and words

    function test_signedBySomebodyElse() public {
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            bytes memory strangers = signatureOf(STRANGER_SECRET, action, id, 0, DEADLINE);
            bytes memory keys = signatureOf(KEY_SECRET, action, id, 0, DEADLINE);
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, strangers);
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, keys);
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, "");
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, new bytes(65));
        }
    }

    /// A signature of one action is never one of another, nor for another session.
    function test_signedForSomethingElse() public {
        bytes32 other = register(terms("other"));
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            for (uint256 j = 0; j < COUNT; j++) {
                if (i == j) continue;
                bytes memory another = ownersSignature(Action(j), 0);
                expectRefusal(I.BadOwnerSignature.selector);
                bring(action, 0, DEADLINE, another);
            }
            bytes memory elsewhere = signatureOf(OWNER_SECRET, action, other, 0, DEADLINE);
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, elsewhere);
        }
    }

    function test_signedArguments() public {
        bytes memory rotation = ownersSignature(Action.RotateKey, 0);
        expectRefusal(I.BadOwnerSignature.selector);
        validator.rotateKeyWithSig(id, stranger, 0, DEADLINE, rotation);

        bytes memory withdrawal = ownersSignature(Action.RequestWithdraw, 0);
        expectRefusal(I.BadOwnerSignature.selector);
        validator.requestWithdrawWithSig(id, merchant, ASKED + 1, 0, DEADLINE, withdrawal);
        expectRefusal(I.BadOwnerSignature.selector);
        validator.requestWithdrawWithSig(id, metered, ASKED, 0, DEADLINE, withdrawal);
    }

    function test_signedForAnotherChainOrContract() public {
        for (uint256 i = 0; i < COUNT; i++) {
            Action action = ready(i);
            bytes32 hash = structHash(action, id, 0, DEADLINE);
            bytes32 chain = Typed.domain("SessionKeyValidator", "1", block.chainid + 1, address(validator));
            bytes32 place = Typed.domain("SessionKeyValidator", "1", block.chainid, stranger);
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, sign(OWNER_SECRET, Typed.digest(chain, hash)));
            expectRefusal(I.BadOwnerSignature.selector);
            bring(action, 0, DEADLINE, sign(OWNER_SECRET, Typed.digest(place, hash)));
        }
    }

    function test_unknownSession() public {
        bytes32 none = "none";
        id = none;
        for (uint256 i = 0; i < COUNT; i++) {
            bytes memory signature = ownersSignature(Action(i), 0);
            expectUnknown(none);
            bring(Action(i), 0, DEADLINE, signature);
        }
    }

    // --- words

    /// A fresh session in which this action is possible.
    function ready(uint256 i) private returns (Action action) {
        action = Action(i);
        vm.warp(START);
        id = register(terms(keccak256(abi.encode("ready", i))));
        if (action == Action.Unfreeze) {
            vm.prank(owner);
            validator.freeze(id);
        }
    }

    /// Makes the same action possible once more; revocation cannot be undone, and is told by its nonce first.
    function undo(Action action) private {
        vm.startPrank(owner);
        if (action == Action.Freeze) validator.unfreeze(id);
        if (action == Action.Unfreeze) validator.freeze(id);
        if (action == Action.RotateKey) validator.rotateKey(id, key);
        if (action == Action.RequestWithdraw) validator.cancelWithdraw(id, merchant);
        vm.stopPrank();
    }

    function structHash(Action action, bytes32 session, uint256 nonce, uint256 deadline)
        private
        view
        returns (bytes32)
    {
        if (action == Action.Freeze) return Typed.action("Freeze", session, nonce, deadline);
        if (action == Action.Unfreeze) return Typed.action("Unfreeze", session, nonce, deadline);
        if (action == Action.Revoke) return Typed.action("Revoke", session, nonce, deadline);
        if (action == Action.RotateKey) return Typed.rotateKey(session, otherKey, nonce, deadline);
        return Typed.requestWithdraw(session, merchant, ASKED, nonce, deadline);
    }

    function signatureOf(uint256 secret, Action action, bytes32 session, uint256 nonce, uint256 deadline)
        private
        view
        returns (bytes memory)
    {
        return signed(secret, structHash(action, session, nonce, deadline));
    }

    function ownersSignature(Action action, uint256 nonce) private view returns (bytes memory) {
        return signatureOf(OWNER_SECRET, action, id, nonce, DEADLINE);
    }

    /// Hands it in, as somebody who is nobody here.
    function bring(Action action, uint256 nonce, uint256 deadline, bytes memory signature) private {
        vm.prank(stranger);
        if (action == Action.Freeze) validator.freezeWithSig(id, nonce, deadline, signature);
        else if (action == Action.Unfreeze) validator.unfreezeWithSig(id, nonce, deadline, signature);
        else if (action == Action.Revoke) validator.revokeWithSig(id, nonce, deadline, signature);
        else if (action == Action.RotateKey) validator.rotateKeyWithSig(id, otherKey, nonce, deadline, signature);
        else validator.requestWithdrawWithSig(id, merchant, ASKED, nonce, deadline, signature);
    }
}
