// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {vm} from "./support/Vm.sol";

/// @notice The rules for a session's fields: each broken alone, and each at its edge.
contract TermsTest is Fixture {
    function test_owner() public {
        I.Session memory s = terms();
        s.owner = address(0);
        // Only a forged caller could be the zero address; the rule still holds then.
        expectInvalid("owner");
        register(s);
    }

    /// What `ecrecover` gives for garbage is the zero address, which must not count as the owner's.
    function test_noSignatureForOwnerZero() public {
        I.Session memory s = terms();
        s.owner = address(0);
        expectRefusal(I.BadOwnerSignature.selector);
        validator.registerSessionWithSig(s, key, new bytes(65));
    }

    function test_token() public {
        I.Session memory s = terms();
        s.token = address(0);
        refuses(s, "token");

        s.token = stranger;
        vm.expectRevert(abi.encodeWithSelector(I.TokenNotAllowed.selector, stranger));
        register(s);
    }

    function test_key() public {
        expectInvalid("key");
        vm.prank(owner);
        validator.registerSession(terms(), address(0));

        bytes memory signature = signed(OWNER_SECRET, Typed.grant(terms(), address(0)));
        expectInvalid("key");
        validator.registerSessionWithSig(terms(), address(0), signature);
    }

    function test_windowIsEmpty() public {
        I.Session memory s = terms();
        (s.validAfter, s.validUntil) = (END, END);
        refuses(s, "window");
        s.validAfter = END + 1;
        refuses(s, "window");
        s.validAfter = END - 1;
        accepts(s, I.SessionStatus.Pending);
    }

    function test_windowIsOver() public {
        I.Session memory s = terms();
        vm.warp(END);
        refuses(s, "window");
        vm.warp(END - 1);
        accepts(s, I.SessionStatus.Active);
    }

    function test_windowStartsLater() public {
        I.Session memory s = terms();
        s.validAfter = START + 1;
        bytes32 id = accepts(s, I.SessionStatus.Pending);
        vm.warp(START + 1);
        assertStatus(id, I.SessionStatus.Active);
        vm.warp(END - 1);
        assertStatus(id, I.SessionStatus.Active);
        vm.warp(END);
        assertStatus(id, I.SessionStatus.Expired);
    }

    function test_windowForEver() public {
        I.Session memory s = terms();
        s.validUntil = type(uint48).max;
        bytes32 id = accepts(s, I.SessionStatus.Active);
        vm.assertEq(stateOf(id).claimableUntil, type(uint48).max, "no overflow");
    }

    function test_settleGrace() public {
        I.Session memory s = terms();
        s.settleGrace = 15 minutes - 1;
        refuses(s, "settleGrace");
        s.settleGrace = 30 days + 1;
        refuses(s, "settleGrace");
        s.settleGrace = 15 minutes;
        accepts(s, I.SessionStatus.Active);
        s.settleGrace = 30 days;
        accepts(s, I.SessionStatus.Active);
    }

    function test_withdrawDelay() public {
        I.Session memory s = terms();
        s.withdrawDelay = 15 minutes - 1;
        refuses(s, "withdrawDelay");
        s.withdrawDelay = 30 days + 1;
        refuses(s, "withdrawDelay");
        s.withdrawDelay = 15 minutes;
        accepts(s, I.SessionStatus.Active);
        s.withdrawDelay = 30 days;
        accepts(s, I.SessionStatus.Active);
    }

    function test_countOfAllowances() public {
        I.Session memory s = terms();
        s.allowances = allowances(0);
        refuses(s, "allowances");
        s.allowances = allowances(17);
        refuses(s, "allowances");
        s.allowances = allowances(1);
        accepts(s, I.SessionStatus.Active);
        s.allowances = allowances(16);
        bytes32 id = accepts(s, I.SessionStatus.Active);
        for (uint160 i = 1; i <= 16; i++) {
            vm.assertEq(validator.escrowState(id, address(i)).limit, i, "limit of each");
        }
    }

    function test_allowanceOfNothing() public {
        I.Session memory s = terms();
        s.allowances[1].limit = 0;
        refuses(s, "allowances");
    }

    function test_payeeZero() public {
        I.Session memory s = terms();
        s.allowances[1].payee = address(0);
        refuses(s, "payee");
    }

    function test_payeeTwice() public {
        I.Session memory s = terms();
        s.allowances[1].payee = merchant;
        refuses(s, "payee");

        s.allowances = allowances(16);
        s.allowances[15].payee = s.allowances[0].payee;
        refuses(s, "payee");
    }

    /// Signed as it is and kept as it is, though it means nothing.
    function test_periodLimitWithoutPeriod() public {
        I.Session memory s = terms();
        s.allowances[0].periodLimit = 7;
        bytes32 id = accepts(s, I.SessionStatus.Active);
        vm.assertEq(validator.escrowState(id, merchant).periodLimit, 7, "kept");
        fund(id, merchant, LIMIT);
        assertPays(merchant, claim(id, merchant, LIMIT), LIMIT);
    }

    /// One payee may be named by any number of sessions; each has its own part.
    function test_payeesOfOtherSessionsAreNotTwice() public {
        bytes32 first = accepts(terms("1"), I.SessionStatus.Active);
        bytes32 second = accepts(terms("2"), I.SessionStatus.Active);
        fund(first, merchant, 1);
        vm.assertEq(validator.escrow(second, merchant), 0, "escrow of the other");
    }

    /// A registration that is refused leaves nothing behind, so the same payees can be named again.
    function test_refusalLeavesNothing() public {
        I.Session memory s = terms();
        s.allowances[1].limit = 0;
        bytes32 id = validator.sessionIdOf(s);
        refuses(s, "allowances");
        vm.assertEq(validator.escrowState(id, merchant).limit, 0, "limit of the first payee");
        assertStatus(id, I.SessionStatus.None);
    }

    function test_unregisteredSessionIsAllZero() public view {
        bytes32 none = "none";
        I.SessionState memory empty;
        vm.assertEq(keccak256(abi.encode(stateOf(none))), keccak256(abi.encode(empty)), "state");
        I.EscrowState memory part;
        vm.assertEq(
            keccak256(abi.encode(validator.escrowState(none, merchant))), keccak256(abi.encode(part)), "escrow state"
        );
    }

    function allowances(uint160 count) private pure returns (I.Allowance[] memory list) {
        list = new I.Allowance[](count);
        for (uint160 i = 1; i <= count; i++) {
            list[i - 1] = I.Allowance({payee: address(i), limit: uint128(i), periodLimit: 0, period: 0});
        }
    }

    function refuses(I.Session memory s, string memory reason) private {
        // Whoever brings it: the owner, or somebody with the owner's signature.
        bytes memory signature = signed(OWNER_SECRET, Typed.grant(s, key));
        expectInvalid(reason);
        validator.registerSessionWithSig(s, key, signature);
        expectInvalid(reason);
        register(s);
    }

    function accepts(I.Session memory s, I.SessionStatus status) private returns (bytes32 id) {
        id = register(s);
        assertStatus(id, status);
    }
}
