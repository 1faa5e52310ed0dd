// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../src/SessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {OddWallet, Wallet} from "./support/Wallets.sol";
import {vm} from "./support/Vm.sol";

/// @notice Who may register a session, which sessions are refused, and what is kept of the accepted ones.
contract RegistrationTest is Fixture {
    // --- by the owner

    function test_byOwner() public {
        I.Session memory s = terms();
        bytes32 expected = Typed.digest(separator(), Typed.session(s));

        vm.expectEmit(address(validator));
        emit I.SessionRegistered(expected, owner, key, s);
        bytes32 id = register(s);

        vm.assertEq(id, expected, "id");
        I.SessionState memory state = stateOf(id);
        vm.assertEq(uint256(state.status), uint256(I.SessionStatus.Active), "status");
        vm.assertEq(state.owner, owner, "owner");
        vm.assertEq(state.token, address(usdc), "token");
        vm.assertEq(state.key, key, "key");
        vm.assertEq(state.previousKey, address(0), "previous key");
        vm.assertEq(state.previousKeyUntil, 0, "previous key until");
        vm.assertEq(state.validAfter, START, "validAfter");
        vm.assertEq(state.validUntil, END, "validUntil");
        vm.assertEq(state.settleGrace, GRACE, "settleGrace");
        vm.assertEq(state.withdrawDelay, DELAY, "withdrawDelay");
        vm.assertEq(state.claimableUntil, END + GRACE, "claimableUntil");
        vm.assertEq(state.nonce, 0, "nonce");
    }

    function test_keepsEachAllowance() public {
        bytes32 id = register(terms());

        I.EscrowState memory first = validator.escrowState(id, merchant);
        vm.assertEq(first.limit, LIMIT, "limit");
        vm.assertEq(first.periodLimit, 0, "no period limit");
        vm.assertEq(first.period, 0, "no period");
        vm.assertEq(first.escrow, 0, "escrow");
        vm.assertEq(first.claimed, 0, "claimed");
        vm.assertFalse(first.guardianFrozen, "guardian");

        I.EscrowState memory second = validator.escrowState(id, metered);
        vm.assertEq(second.limit, LIMIT, "limit of the second");
        vm.assertEq(second.periodLimit, PERIOD_LIMIT, "period limit");
        vm.assertEq(second.period, PERIOD, "period");
    }

    function test_notByAnotherCaller() public {
        I.Session memory s = terms();
        expectNotOwner(stranger);
        vm.prank(stranger);
        validator.registerSession(s, key);
    }

    function test_onlyOnce() public {
        bytes32 id = register(terms());
        I.Session memory s = terms();
        bytes memory signature = signed(OWNER_SECRET, Typed.grant(s, otherKey));

        vm.expectRevert(abi.encodeWithSelector(I.SessionExists.selector, id));
        vm.prank(owner);
        validator.registerSession(s, key);
        // Not with another key either: that is what rotation is for.
        vm.expectRevert(abi.encodeWithSelector(I.SessionExists.selector, id));
        validator.registerSessionWithSig(s, otherKey, signature);
        vm.assertEq(stateOf(id).key, key, "key");
    }

    function test_notAgainAfterRevocation() public {
        bytes32 id = register(terms());
        vm.prank(owner);
        validator.revoke(id);
        vm.expectRevert(abi.encodeWithSelector(I.SessionExists.selector, id));
        vm.prank(owner);
        validator.registerSession(terms(), key);
    }

    function test_saltMakesAnotherSession() public {
        vm.assertNotEq(register(terms()), register(terms("another")), "ids");
    }

    function test_idIsBoundToContractAndChain() public {
        I.Session memory s = terms();
        bytes32 here = validator.sessionIdOf(s);

        address[] memory tokens = new address[](1);
        tokens[0] = token;
        vm.assertNotEq(here, new SessionKeyValidator(tokens).sessionIdOf(s), "another contract");

        vm.chainId(block.chainid + 1);
        vm.assertNotEq(here, validator.sessionIdOf(s), "another chain");
        vm.assertEq(validator.sessionIdOf(s), Typed.digest(separator(), Typed.session(s)), "its id there");
    }

    /// Each field is part of what the owner signs.
    function test_everyFieldChangesTheId() public view {
        bytes32 id = validator.sessionIdOf(terms());
        for (uint256 field = 0; field < 13; field++) {
            I.Session memory s = terms();
            if (field == 0) s.owner = stranger;
            if (field == 1) s.token = stranger;
            if (field == 2) s.validAfter++;
            if (field == 3) s.validUntil++;
            if (field == 4) s.settleGrace++;
            if (field == 5) s.withdrawDelay++;
            if (field == 6) s.salt = "x";
            if (field == 7) s.allowances[0].payee = stranger;
            if (field == 8) s.allowances[0].limit++;
            if (field == 9) s.allowances[1].periodLimit++;
            if (field == 10) s.allowances[1].period++;
            if (field == 11) (s.allowances[0], s.allowances[1]) = (s.allowances[1], s.allowances[0]);
            if (field == 12) {
                s.allowances = new I.Allowance[](1);
                s.allowances[0] = terms().allowances[0];
            }
            vm.assertNotEq(validator.sessionIdOf(s), id, vm.toString(field));
            vm.assertEq(validator.sessionIdOf(s), Typed.digest(separator(), Typed.session(s)), vm.toString(field));
        }
    }

    // --- by the owner's signature

    function test_bySignature() public {
        I.Session memory s = terms();
        bytes memory signature = signed(OWNER_SECRET, Typed.grant(s, key));
        vm.assertEq(validator.grantDigest(s, key), Typed.digest(separator(), Typed.grant(s, key)), "digest");

        vm.prank(stranger);
        bytes32 id = validator.registerSessionWithSig(s, key, signature);

        vm.assertEq(id, validator.sessionIdOf(s), "id");
        vm.assertEq(stateOf(id).owner, owner, "owner");
        vm.assertEq(stateOf(id).key, key, "key");
        vm.expectRevert(abi.encodeWithSelector(I.SessionExists.selector, id));
        validator.registerSessionWithSig(s, key, signature);
    }

    function test_signatureOfSomebodyElse() public {
        I.Session memory s = terms();
        assertGrantRefused(s, key, signed(STRANGER_SECRET, Typed.grant(s, key)));
    }

    function test_signatureForAnotherKey() public {
        I.Session memory s = terms();
        assertGrantRefused(s, otherKey, signed(OWNER_SECRET, Typed.grant(s, key)));
    }

    function test_signatureForAnotherSession() public {
        assertGrantRefused(terms("another"), key, signed(OWNER_SECRET, Typed.grant(terms(), key)));
    }

    /// The id is a digest of the owner's as well; a signature of it grants nothing.
    function test_signatureOfTheIdIsNoGrant() public {
        I.Session memory s = terms();
        assertGrantRefused(s, key, signed(OWNER_SECRET, Typed.session(s)));
    }

    function test_signatureForAnotherChainOrContract() public {
        I.Session memory s = terms();
        bytes32 hash = Typed.grant(s, key);
        bytes32 chain = Typed.domain("SessionKeyValidator", "1", block.chainid + 1, address(validator));
        bytes32 place = Typed.domain("SessionKeyValidator", "1", block.chainid, stranger);
        bytes32 version = Typed.domain("SessionKeyValidator", "2", block.chainid, address(validator));
        assertGrantRefused(s, key, sign(OWNER_SECRET, Typed.digest(chain, hash)));
        assertGrantRefused(s, key, sign(OWNER_SECRET, Typed.digest(place, hash)));
        assertGrantRefused(s, key, sign(OWNER_SECRET, Typed.digest(version, hash)));
    }

    function test_malformedSignature() public {
        I.Session memory s = terms();
        bytes memory good = signed(OWNER_SECRET, Typed.grant(s, key));
        bytes memory cut = new bytes(64);
        for (uint256 i = 0; i < 64; i++) {
            cut[i] = good[i];
        }
        assertGrantRefused(s, key, "");
        assertGrantRefused(s, key, cut);
        assertGrantRefused(s, key, abi.encodePacked(good, bytes1(0)));
        good[64] = bytes1(uint8(29));
        assertGrantRefused(s, key, good);
    }

    // --- by an owner that is a contract

    function test_byWalletsSignature() public {
        Wallet wallet = new Wallet(owner);
        I.Session memory s = terms();
        s.owner = address(wallet);
        bytes32 id = validator.registerSessionWithSig(s, key, signed(OWNER_SECRET, Typed.grant(s, key)));
        vm.assertEq(stateOf(id).owner, address(wallet), "owner");
    }

    function test_byWalletItself() public {
        Wallet wallet = new Wallet(owner);
        I.Session memory s = terms();
        s.owner = address(wallet);
        wallet.execute(address(validator), abi.encodeCall(I.registerSession, (s, key)));
        assertStatus(validator.sessionIdOf(s), I.SessionStatus.Active);
    }

    function test_walletRefuses() public {
        Wallet wallet = new Wallet(owner);
        I.Session memory s = terms();
        s.owner = address(wallet);
        assertGrantRefused(s, key, signed(STRANGER_SECRET, Typed.grant(s, key)));
        assertGrantRefused(s, otherKey, signed(OWNER_SECRET, Typed.grant(s, key)));
    }

    function test_walletAnswersOddly() public {
        for (uint256 way = 0; way < 5; way++) {
            I.Session memory s = terms();
            s.owner = address(new OddWallet(OddWallet.Way(way)));
            bytes memory signature = signed(OWNER_SECRET, Typed.grant(s, key));
            if (way == uint256(OddWallet.Way.AnswersFullWord)) validator.registerSessionWithSig(s, key, signature);
            else assertGrantRefused(s, key, signature);
        }
    }

    /// An account with code is asked itself, also one that has a private key and only delegates (EIP-7702): its plain
    /// signature counts no more, but it can still call.
    function test_ownerWithKeyAndCode() public {
        I.Session memory s = terms();
        bytes memory signature = signed(OWNER_SECRET, Typed.grant(s, key));
        vm.etch(owner, address(new OddWallet(OddWallet.Way.Reverts)).code);
        assertGrantRefused(s, key, signature);
        assertStatus(register(s), I.SessionStatus.Active);
    }

    // --- tokens

    function test_tokensAreFixedAtDeployment() public {
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(usdc), stranger);
        vm.recordLogs();
        SessionKeyValidator two = new SessionKeyValidator(tokens);
        vm.assertEq(vm.getRecordedLogs().length, 2, "one event for each");
        vm.assertTrue(two.isTokenAllowed(address(usdc)), "first");
        vm.assertTrue(two.isTokenAllowed(stranger), "second");
        vm.assertFalse(two.isTokenAllowed(owner), "another");
        vm.assertFalse(two.isTokenAllowed(address(0)), "zero");

        vm.expectEmit();
        emit I.TokenAllowed(address(usdc));
        vm.expectEmit();
        emit I.TokenAllowed(stranger);
        new SessionKeyValidator(tokens);
    }

    function test_deploymentRefusesZeroAndTwice() public {
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (address(usdc), address(usdc));
        vm.expectRevert(abi.encodeWithSelector(I.TokenNotAllowed.selector, address(usdc)));
        new SessionKeyValidator(tokens);
        tokens[1] = address(0);
        vm.expectRevert(abi.encodeWithSelector(I.TokenNotAllowed.selector, address(0)));
        new SessionKeyValidator(tokens);
    }

    function test_deploymentTakes255Tokens() public {
        address last = address(uint160(255));
        I.Session memory s = terms();
        s.token = last;
        validator = new SessionKeyValidator(numbered(255));
        vm.assertEq(stateOf(register(s)).token, last, "the last token works");

        address[] memory tooMany = numbered(256);
        vm.expectRevert(abi.encodeWithSelector(I.TokenNotAllowed.selector, address(uint160(256))));
        new SessionKeyValidator(tooMany);
    }

    function numbered(uint160 count) private pure returns (address[] memory tokens) {
        tokens = new address[](count);
        for (uint160 i = 0; i < count; i++) {
            tokens[i] = address(i + 1);
        }
    }

    function assertGrantRefused(I.Session memory s, address key_, bytes memory signature) private {
        expectRefusal(I.BadOwnerSignature.selector);
        validator.registerSessionWithSig(s, key_, signature);
        assertStatus(validator.sessionIdOf(s), I.SessionStatus.None);
    }
}
