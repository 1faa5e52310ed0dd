// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {TestUSDC} from "../src/TestUSDC.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {Wallet} from "./support/Wallets.sol";
import {vm} from "./support/Vm.sol";

/// @notice Money into escrow by one signature (EIP-3009): opening a session with it, and topping one up.
contract AuthorizationTest is Fixture {
    uint256 internal constant BEFORE = START + 1 hours;

    function setUp() public override {
        super.setUp();
        usdc.mint(owner, 1_000 * USDC);
        usdc.mint(stranger, 1_000 * USDC);
    }

    // --- opening

    function test_opensAndFunds() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        vm.expectEmit(address(validator));
        emit I.SessionRegistered(validator.sessionIdOf(s), owner, key, s);
        vm.expectEmit(address(validator));
        emit I.Deposited(validator.sessionIdOf(s), merchant, owner, 40, 40);

        vm.prank(stranger);
        bytes32 id = validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);

        vm.assertEq(id, validator.sessionIdOf(s), "id");
        vm.assertEq(stateOf(id).key, key, "key");
        vm.assertEq(stateOf(id).owner, owner, "owner");
        vm.assertEq(validator.escrow(id, merchant), 40, "escrow");
        vm.assertEq(usdc.balanceOf(owner), 1_000 * USDC - 40, "paid");
        assertPays(merchant, claim(id, merchant, 40), 40);
    }

    function test_opensForAWallet() public {
        Wallet wallet = new Wallet(owner);
        usdc.mint(address(wallet), 40);
        I.Session memory s = terms();
        s.owner = address(wallet);
        bytes memory signature = opening(s, key, merchant, 40, 0);
        bytes32 id = validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);
        vm.assertEq(validator.escrow(id, merchant), 40, "escrow");
    }

    /// Somebody sees the call and makes it first: the session is open and funded as its owner wanted, once.
    function test_frontRun() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        vm.prank(stranger);
        bytes32 id = validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);

        expectUsed(validator.depositNonce(id, key, merchant, 40, 0));
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);
        vm.assertEq(validator.escrow(id, merchant), 40, "once");
        vm.assertEq(usdc.balanceOf(owner), 1_000 * USDC - 40, "paid once");
    }

    /// The signature is public from the first moment; with it nothing else can be done.
    function test_frontRunWithOtherArguments() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        vm.startPrank(stranger);
        expectBadSignature();
        validator.openWithAuthorization(s, otherKey, merchant, 40, 0, 0, BEFORE, signature);
        expectBadSignature();
        validator.openWithAuthorization(s, key, metered, 40, 0, 0, BEFORE, signature);
        expectBadSignature();
        validator.openWithAuthorization(s, key, merchant, 41, 0, 0, BEFORE, signature);
        expectBadSignature();
        validator.openWithAuthorization(s, key, merchant, 40, 1, 0, BEFORE, signature);
        expectBadSignature();
        validator.openWithAuthorization(s, key, merchant, 40, 0, 1, BEFORE, signature);
        expectBadSignature();
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE + 1, signature);
        expectBadSignature();
        validator.openWithAuthorization(terms("another"), key, merchant, 40, 0, 0, BEFORE, signature);
        s.owner = stranger;
        expectBadSignature();
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);

        // Nor straight at the token, which would take the money without booking it.
        bytes32 nonce = validator.depositNonce(validator.sessionIdOf(terms()), key, merchant, 40, 0);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.CallerIsNotPayee.selector, stranger));
        usdc.receiveWithAuthorization(owner, address(validator), 40, 0, BEFORE, nonce, signature);
        vm.stopPrank();
        assertStatus(validator.sessionIdOf(terms()), I.SessionStatus.None);
        vm.assertEq(usdc.balanceOf(owner), 1_000 * USDC, "nothing moved");
    }

    function test_onlyInItsTime() public {
        I.Session memory s = terms();
        bytes32 nonce = validator.depositNonce(validator.sessionIdOf(s), key, merchant, 40, 0);
        bytes memory signature = authorization(OWNER_SECRET, owner, 40, START, BEFORE, nonce);

        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationNotYetValid.selector, START));
        validator.openWithAuthorization(s, key, merchant, 40, 0, START, BEFORE, signature);
        vm.warp(BEFORE);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationExpired.selector, BEFORE));
        validator.openWithAuthorization(s, key, merchant, 40, 0, START, BEFORE, signature);
        vm.warp(BEFORE - 1);
        validator.openWithAuthorization(s, key, merchant, 40, 0, START, BEFORE, signature);
    }

    /// Registered already with the same key: the call only deposits. So it does not matter who is first.
    function test_whenRegisteredAlready() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        bytes32 id = register(s);
        vm.assertEq(validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature), id, "id");
        vm.assertEq(validator.escrow(id, merchant), 40, "escrow");
    }

    function test_whenRegisteredWithAnotherKey() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        vm.prank(owner);
        validator.registerSession(s, otherKey);
        vm.expectRevert(abi.encodeWithSelector(I.KeyMismatch.selector, otherKey, key));
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);
    }

    function test_whenTheKeyWasRotated() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        bytes32 id = register(s);
        vm.prank(owner);
        validator.rotateKey(id, otherKey);
        vm.expectRevert(abi.encodeWithSelector(I.KeyMismatch.selector, otherKey, key));
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);
    }

    function test_whenRevoked() public {
        I.Session memory s = terms();
        bytes memory signature = opening(s, key, merchant, 40, 0);
        bytes32 id = register(s);
        vm.prank(owner);
        validator.revoke(id);
        expectWrongStatus(I.SessionStatus.Revoked);
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);
    }

    function test_opensOnlyWhatCouldBeRegistered() public {
        I.Session memory s = terms();
        s.settleGrace = 0;
        bytes memory signature = opening(s, key, merchant, 40, 0);
        expectInvalid("settleGrace");
        validator.openWithAuthorization(s, key, merchant, 40, 0, 0, BEFORE, signature);

        s = terms();
        signature = opening(s, address(0), merchant, 40, 0);
        expectInvalid("key");
        validator.openWithAuthorization(s, address(0), merchant, 40, 0, 0, BEFORE, signature);

        signature = opening(s, key, stranger, 40, 0);
        expectUnknownPayee(validator.sessionIdOf(s), stranger);
        validator.openWithAuthorization(s, key, stranger, 40, 0, 0, BEFORE, signature);

        signature = opening(s, key, merchant, 0, 0);
        expectRefusal(I.ZeroAmount.selector);
        validator.openWithAuthorization(s, key, merchant, 0, 0, 0, BEFORE, signature);
        assertStatus(validator.sessionIdOf(s), I.SessionStatus.None);
    }

    // --- topping up

    function test_twoEqualTopUps() public {
        bytes32 id = register(terms());
        bytes memory first = topUp(id, 15, 0);
        bytes memory second = topUp(id, 15, 1);
        validator.depositWithAuthorization(id, merchant, owner, 15, 0, 0, BEFORE, first);
        validator.depositWithAuthorization(id, merchant, owner, 15, 1, 0, BEFORE, second);
        vm.assertEq(validator.escrow(id, merchant), 30, "escrow");

        expectUsed(validator.depositNonce(id, address(0), merchant, 15, 0));
        validator.depositWithAuthorization(id, merchant, owner, 15, 0, 0, BEFORE, first);
    }

    function test_topUpByAnybodysMoney() public {
        bytes32 id = register(terms());
        bytes32 nonce = Typed.depositNonce(id, address(0), merchant, 15, 0);
        vm.assertEq(validator.depositNonce(id, address(0), merchant, 15, 0), nonce, "nonce");
        bytes memory signature = authorization(STRANGER_SECRET, stranger, 15, 0, BEFORE, nonce);
        vm.expectEmit(address(validator));
        emit I.Deposited(id, merchant, stranger, 15, 15);
        validator.depositWithAuthorization(id, merchant, stranger, 15, 0, 0, BEFORE, signature);
        vm.assertEq(usdc.balanceOf(stranger), 1_000 * USDC - 15, "paid by who signed");
        // The nonces of different people do not meet.
        validator.depositWithAuthorization(id, merchant, owner, 15, 0, 0, BEFORE, topUp(id, 15, 0));
    }

    /// What was signed to open is no top-up, and the other way about.
    function test_openingAndToppingUpAreDifferentWords() public {
        I.Session memory s = terms();
        bytes32 id = register(s);
        bytes memory opened = opening(s, key, merchant, 15, 0);
        bytes memory toppedUp = topUp(id, 15, 0);
        expectBadSignature();
        validator.depositWithAuthorization(id, merchant, owner, 15, 0, 0, BEFORE, opened);
        expectBadSignature();
        validator.openWithAuthorization(s, key, merchant, 15, 0, 0, BEFORE, toppedUp);
    }

    function test_topUpForAnotherPayeeOrSession() public {
        bytes32 id = register(terms());
        bytes32 other = register(terms("other"));
        bytes memory signature = topUp(id, 15, 0);
        expectBadSignature();
        validator.depositWithAuthorization(id, metered, owner, 15, 0, 0, BEFORE, signature);
        expectBadSignature();
        validator.depositWithAuthorization(other, merchant, owner, 15, 0, 0, BEFORE, signature);
        expectBadSignature();
        validator.depositWithAuthorization(id, merchant, stranger, 15, 0, 0, BEFORE, signature);
        expectUnknown("none");
        validator.depositWithAuthorization("none", merchant, owner, 15, 0, 0, BEFORE, signature);
        expectUnknownPayee(id, stranger);
        validator.depositWithAuthorization(id, stranger, owner, 15, 0, 0, BEFORE, signature);
        expectRefusal(I.ZeroAmount.selector);
        validator.depositWithAuthorization(id, merchant, owner, 0, 0, 0, BEFORE, signature);
    }

    /// Dust before a deposit that is signed and cannot be changed: what fits is taken, the rest goes back.
    function test_dustDoesNotBlockASignedDeposit() public {
        bytes32 id = register(terms());
        bytes memory signature = topUp(id, LIMIT, 0);
        vm.startPrank(stranger);
        usdc.approve(address(validator), 3);
        validator.depositFor(id, merchant, 3);
        vm.stopPrank();

        vm.expectEmit(address(validator));
        emit I.Deposited(id, merchant, owner, LIMIT - 3, LIMIT);
        validator.depositWithAuthorization(id, merchant, owner, LIMIT, 0, 0, BEFORE, signature);
        vm.assertEq(validator.escrow(id, merchant), LIMIT, "full");
        vm.assertEq(usdc.balanceOf(owner), 1_000 * USDC - LIMIT + 3, "the rest went back");
        vm.assertEq(usdc.balanceOf(address(validator)), LIMIT, "balance");

        bytes memory another = topUp(id, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(I.LimitExceeded.selector, LIMIT, LIMIT + 1));
        validator.depositWithAuthorization(id, merchant, owner, 1, 0, 0, BEFORE, another);
    }

    function test_topUpAfterTheEnd() public {
        bytes32 id = register(terms());
        bytes32 nonce = validator.depositNonce(id, address(0), merchant, 15, 0);
        bytes memory signature = authorization(OWNER_SECRET, owner, 15, 0, END + 1, nonce);
        vm.warp(END);
        expectWrongStatus(I.SessionStatus.Expired);
        validator.depositWithAuthorization(id, merchant, owner, 15, 0, 0, END + 1, signature);
    }

    // --- words

    function authorization(
        uint256 secret,
        address from,
        uint128 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 nonce
    ) private view returns (bytes memory) {
        bytes32 domain = Typed.domain("USD Coin", "2", block.chainid, address(usdc));
        bytes32 hash = Typed.receiveWithAuthorization(from, address(validator), amount, validAfter, validBefore, nonce);
        return sign(secret, Typed.digest(domain, hash));
    }

    function opening(I.Session memory s, address key_, address payee, uint128 amount, uint256 index)
        private
        view
        returns (bytes memory)
    {
        bytes32 id = Typed.digest(separator(), Typed.session(s));
        bytes32 nonce = Typed.depositNonce(id, key_, payee, amount, index);
        return authorization(OWNER_SECRET, s.owner, amount, 0, BEFORE, nonce);
    }

    function topUp(bytes32 id, uint128 amount, uint256 index) private view returns (bytes memory) {
        bytes32 nonce = Typed.depositNonce(id, address(0), merchant, amount, index);
        return authorization(OWNER_SECRET, owner, amount, 0, BEFORE, nonce);
    }

    function expectUsed(bytes32 nonce) private {
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationUsedOrCanceled.selector, owner, nonce));
    }

    function expectBadSignature() private {
        expectRefusal(TestUSDC.InvalidSignature.selector);
    }
}
