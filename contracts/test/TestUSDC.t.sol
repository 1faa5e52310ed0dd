// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {TestUSDC} from "../src/TestUSDC.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {Wallet} from "./support/Wallets.sol";
import {vm} from "./support/Vm.sol";

/// @notice The token of tests and local chains does what Tollbook relies on in the real one.
contract TestUSDCTest is Fixture {
    bytes32 internal constant NONCE = "n";
    uint256 internal constant BEFORE = START + 10;

    function setUp() public override {
        super.setUp();
        usdc.mint(owner, 100);
    }

    function test_words() public view {
        vm.assertEq(usdc.name(), "USD Coin", "name");
        vm.assertEq(usdc.symbol(), "USDC", "symbol");
        vm.assertEq(usdc.version(), "2", "version");
        vm.assertEq(usdc.decimals(), 6, "decimals");
        vm.assertEq(usdc.DOMAIN_SEPARATOR(), domain(), "domain");
        vm.assertEq(usdc.RECEIVE_WITH_AUTHORIZATION_TYPEHASH(), typeOf("ReceiveWithAuthorization"), "type of receive");
        vm.assertEq(
            usdc.TRANSFER_WITH_AUTHORIZATION_TYPEHASH(), typeOf("TransferWithAuthorization"), "type of transfer"
        );
    }

    // --- transfer and receive with authorization

    function test_transferByAnybody() public {
        bytes memory signature = transferring(OWNER_SECRET, owner, stranger);
        vm.expectEmit(address(usdc));
        emit TestUSDC.AuthorizationUsed(owner, NONCE);
        vm.prank(merchant);
        usdc.transferWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, signature);
        vm.assertEq(usdc.balanceOf(stranger), 30, "moved");
        vm.assertTrue(usdc.authorizationState(owner, NONCE), "used");
    }

    function test_transferByThreeParts() public {
        (uint8 v, bytes32 r, bytes32 s) = parts(transferring(OWNER_SECRET, owner, stranger));
        usdc.transferWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, v, r, s);
        vm.assertEq(usdc.balanceOf(stranger), 30, "moved");
    }

    function test_receiveByThreeParts() public {
        (uint8 v, bytes32 r, bytes32 s) = parts(receiving(OWNER_SECRET, owner, stranger));
        vm.prank(stranger);
        usdc.receiveWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, v, r, s);
        vm.assertEq(usdc.balanceOf(stranger), 30, "moved");
    }

    function test_receiveOnlyByTheReceiver() public {
        bytes memory signature = receiving(OWNER_SECRET, owner, stranger);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.CallerIsNotPayee.selector, owner));
        vm.prank(owner);
        usdc.receiveWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, signature);
        vm.prank(stranger);
        usdc.receiveWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, signature);
        vm.assertEq(usdc.balanceOf(stranger), 30, "moved");
    }

    /// One nonce for both ways, and a signature of one is not one of the other.
    function test_receivingIsNotTransferring() public {
        bytes memory received = receiving(OWNER_SECRET, owner, stranger);
        bytes memory transferred = transferring(OWNER_SECRET, owner, stranger);
        expectRefusal(TestUSDC.InvalidSignature.selector);
        usdc.transferWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, received);
        usdc.transferWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, transferred);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationUsedOrCanceled.selector, owner, NONCE));
        vm.prank(stranger);
        usdc.receiveWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, received);
    }

    function test_byAWallet() public {
        Wallet wallet = new Wallet(owner);
        usdc.mint(address(wallet), 30);
        bytes memory signature = transferring(OWNER_SECRET, address(wallet), stranger);
        bytes memory wrong = transferring(STRANGER_SECRET, address(wallet), stranger);
        expectRefusal(TestUSDC.InvalidSignature.selector);
        usdc.transferWithAuthorization(address(wallet), stranger, 30, 0, BEFORE, NONCE, wrong);
        usdc.transferWithAuthorization(address(wallet), stranger, 30, 0, BEFORE, NONCE, signature);
        vm.assertEq(usdc.balanceOf(stranger), 30, "moved");
    }

    function test_onlyInItsTime() public {
        bytes32 hash = hashOf("TransferWithAuthorization", owner, stranger, START, BEFORE);
        bytes memory signature = sign(OWNER_SECRET, Typed.digest(domain(), hash));
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationNotYetValid.selector, START));
        usdc.transferWithAuthorization(owner, stranger, 30, START, BEFORE, NONCE, signature);
        vm.warp(BEFORE);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationExpired.selector, BEFORE));
        usdc.transferWithAuthorization(owner, stranger, 30, START, BEFORE, NONCE, signature);
        vm.warp(START + 1);
        usdc.transferWithAuthorization(owner, stranger, 30, START, BEFORE, NONCE, signature);
    }

    // --- cancelling

    function test_cancel() public {
        bytes memory transfer = transferring(OWNER_SECRET, owner, stranger);
        bytes memory strangers = cancelling(STRANGER_SECRET);
        bytes memory owners = cancelling(OWNER_SECRET);
        expectRefusal(TestUSDC.InvalidSignature.selector);
        usdc.cancelAuthorization(owner, NONCE, strangers);
        vm.expectEmit(address(usdc));
        emit TestUSDC.AuthorizationCanceled(owner, NONCE);
        usdc.cancelAuthorization(owner, NONCE, owners);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationUsedOrCanceled.selector, owner, NONCE));
        usdc.transferWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, transfer);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AuthorizationUsedOrCanceled.selector, owner, NONCE));
        usdc.cancelAuthorization(owner, NONCE, owners);
    }

    function test_cancelByThreeParts() public {
        (uint8 v, bytes32 r, bytes32 s) = parts(cancelling(OWNER_SECRET));
        usdc.cancelAuthorization(owner, NONCE, v, r, s);
        vm.assertTrue(usdc.authorizationState(owner, NONCE), "canceled");
    }

    // --- deny-list

    function test_denied() public {
        vm.expectEmit(address(usdc));
        emit TestUSDC.Blacklisted(owner);
        usdc.blacklist(owner);
        vm.assertTrue(usdc.isBlacklisted(owner), "on the list");
        expectDenied(owner);
        vm.prank(owner);
        usdc.transfer(stranger, 1);
        expectDenied(owner);
        vm.prank(stranger);
        usdc.transfer(owner, 0);
        expectDenied(owner);
        usdc.mint(owner, 1);
        bytes memory signature = transferring(OWNER_SECRET, owner, stranger);
        expectDenied(owner);
        usdc.transferWithAuthorization(owner, stranger, 30, 0, BEFORE, NONCE, signature);

        vm.expectEmit(address(usdc));
        emit TestUSDC.UnBlacklisted(owner);
        usdc.unBlacklist(owner);
        vm.prank(owner);
        usdc.transfer(stranger, 1);
        vm.assertEq(usdc.balanceOf(stranger), 1, "moved");
    }

    function test_deniedSpender() public {
        vm.prank(owner);
        usdc.approve(stranger, 10);
        usdc.blacklist(stranger);
        expectDenied(stranger);
        vm.prank(stranger);
        usdc.transferFrom(owner, merchant, 5);
        usdc.unBlacklist(stranger);
        vm.prank(stranger);
        usdc.transferFrom(owner, merchant, 5);
        vm.assertEq(usdc.balanceOf(merchant), 5, "moved");
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, stranger, 5, 6));
        vm.prank(stranger);
        usdc.transferFrom(owner, merchant, 6);
    }

    function test_onlyTheBlacklisterKeepsTheList() public {
        vm.assertEq(usdc.blacklister(), address(this), "blacklister");
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.CallerIsNotBlacklister.selector, stranger));
        usdc.blacklist(owner);
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.CallerIsNotBlacklister.selector, stranger));
        usdc.unBlacklist(owner);
        vm.stopPrank();
    }

    // --- words

    function domain() private view returns (bytes32) {
        return Typed.domain("USD Coin", "2", block.chainid, address(usdc));
    }

    function typeOf(string memory kind) private pure returns (bytes32) {
        return keccak256(
            abi.encodePacked(
                kind, "(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)"
            )
        );
    }

    function hashOf(string memory kind, address from, address to, uint256 validAfter, uint256 validBefore)
        private
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(typeOf(kind), from, to, 30, validAfter, validBefore, NONCE));
    }

    function transferring(uint256 secret, address from, address to) private view returns (bytes memory) {
        return sign(secret, Typed.digest(domain(), hashOf("TransferWithAuthorization", from, to, 0, BEFORE)));
    }

    function receiving(uint256 secret, address from, address to) private view returns (bytes memory) {
        return sign(secret, Typed.digest(domain(), hashOf("ReceiveWithAuthorization", from, to, 0, BEFORE)));
    }

    function cancelling(uint256 secret) private view returns (bytes memory) {
        bytes32 kind = keccak256("CancelAuthorization(address authorizer,bytes32 nonce)");
        return sign(secret, Typed.digest(domain(), keccak256(abi.encode(kind, owner, NONCE))));
    }

    function parts(bytes memory signature) private pure returns (uint8 v, bytes32 r, bytes32 s) {
        assembly ("memory-safe") {
            r := mload(add(signature, 0x20))
            s := mload(add(signature, 0x40))
            v := byte(0, mload(add(signature, 0x60)))
        }
    }

    function expectDenied(address account) private {
        vm.expectRevert(abi.encodeWithSelector(TestUSDC.AccountBlacklisted.selector, account));
    }
}
