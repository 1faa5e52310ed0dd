// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../src/SessionKeyValidator.sol";
import {TestUSDC} from "../src/TestUSDC.sol";
import {Golden} from "./support/Golden.sol";
import {Typed} from "./support/Typed.sol";
import {vm} from "./support/Vm.sol";

/// @notice The contract against the golden vectors, deployed at their address and on their chains: it must mean the
/// same bytes as the ledger and the clients. Digests that the contract does not show are checked twice: by the tests'
/// own hashing, for every vector, and by handing in the signature, for those that the contract can accept.
contract VectorsTest {
    string internal json;
    Golden.Session[] internal sessions;
    uint256 internal clean;

    SessionKeyValidator internal validator;
    TestUSDC internal usdc;

    function setUp() public {
        json = Golden.read();
        Golden.Session[] memory list = Golden.sessions(json);
        for (uint256 i = 0; i < list.length; i++) {
            sessions.push();
            Golden.Session storage entry = sessions[i];
            (entry.chainId, entry.verifyingContract) = (list[i].chainId, list[i].verifyingContract);
            entry.sessionId = list[i].sessionId;
            copy(list[i].session, entry.session);
        }
        clean = vm.snapshotState();
    }

    // --- what the contract says of itself

    function test_domains() public {
        Golden.Domain[] memory list = Golden.domains(json);
        vm.assertEq(list.length, 4, "count");
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Domain memory d = list[i];
            vm.assertEq(
                Typed.domain(d.name, d.version, d.chainId, d.verifyingContract), d.separator, "as the tests hash it"
            );
            bool ours = keccak256(bytes(d.name)) == keccak256("SessionKeyValidator");
            onChain(d.chainId);
            if (ours) vm.assertEq(d.verifyingContract, address(validator), "address");
            bytes32 shown = ours ? validator.DOMAIN_SEPARATOR() : usdc.DOMAIN_SEPARATOR();
            vm.assertEq(shown, d.separator, "as the contract says");
            if (!ours) continue;
            // Field by field (ERC-5267), for whoever compares it with a configuration.
            (, string memory name, string memory version, uint256 chainId, address place_,,) = validator.eip712Domain();
            vm.assertEq(Typed.domain(name, version, chainId, place_), d.separator, "as its fields say");
        }
    }

    function test_types() public view {
        Golden.Kind[] memory list = Golden.kinds(json);
        vm.assertEq(list.length, 10, "count");
        for (uint256 i = 0; i < list.length; i++) {
            vm.assertEq(keccak256(bytes(list[i].encodeType)), list[i].typeHash, list[i].name);
        }
    }

    function test_sessionIds() public {
        vm.assertEq(sessions.length, 6, "count");
        for (uint256 i = 0; i < sessions.length; i++) {
            onChain(sessions[i].chainId);
            I.Session memory s = sessions[i].session;
            vm.assertEq(validator.sessionIdOf(s), sessions[i].sessionId, "id");
            vm.assertEq(digest(i, Typed.session(s)), sessions[i].sessionId, "as the tests hash it");
        }
    }

    function test_grants() public {
        Golden.Grant[] memory list = Golden.grants(json);
        vm.assertEq(list.length, 6, "count");
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Grant memory g = list[i];
            I.Session memory s = termsOf(g.sessionIndex);
            vm.assertEq(validator.grantDigest(s, g.key), g.digest, "digest");
            vm.assertEq(digest(g.sessionIndex, Typed.grant(s, g.key)), g.digest, "as the tests hash it");
            assertSigned(g.digest, g.signature, g.signer);
            // The largest values are only hashed: as a session they are refused.
            if (s.validAfter == s.validUntil) vm.expectRevert();
            bytes32 id = validator.registerSessionWithSig(s, g.key, g.signature);
            if (s.validAfter != s.validUntil) vm.assertEq(id, sessions[g.sessionIndex].sessionId, "registered");
        }
    }

    function test_depositNonces() public {
        Golden.Authorization[] memory list = Golden.authorizations(json);
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Authorization memory a = list[i];
            termsOf(a.sessionIndex);
            bytes32 id = sessions[a.sessionIndex].sessionId;
            vm.assertEq(validator.depositNonce(id, a.key, a.payee, a.amount, a.index), a.nonce, "nonce");
        }
    }

    // --- vouchers

    function test_vouchers() public {
        Golden.Voucher[] memory list = Golden.vouchers(json, "vouchers");
        vm.assertEq(list.length, 20, "count");
        uint256 paid;
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Voucher memory v = list[i];
            I.Session memory s = termsOf(v.sessionIndex);
            bytes32 id = sessions[v.sessionIndex].sessionId;
            vm.assertEq(validator.voucherDigest(id, v.payee, v.maxClaimable), v.digest, v.name);
            assertSigned(v.digest, v.signature, v.key);
            if (!registered(s, v.key) || v.maxClaimable == 0) continue;

            // Take the least there is: it is the signature that counts here.
            fund(id, v.payee, 1);
            I.Claim memory c = I.Claim(id, v.maxClaimable, 1, v.r, v.vs);
            I.EscrowState memory part = validator.escrowState(id, v.payee);
            if (part.period != 0 && part.periodLimit == 0) {
                // One payee of the vectors may be paid nothing in each period.
                vm.assertEq(settle(v.payee, c), 0, v.name);
                continue;
            }
            vm.assertEq(uint256(validator.checkClaim(v.payee, address(usdc), c)), uint256(I.ClaimStatus.Ok), v.name);
            vm.assertEq(settle(v.payee, c), 1, v.name);
            paid++;
        }
        vm.assertEq(paid, 8, "three on each chain, one by the rotated key, one at the border");
    }

    function test_rejectedVouchers() public {
        Golden.Voucher[] memory list = Golden.vouchers(json, "rejectedVouchers");
        vm.assertEq(list.length, 13, "count");
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Voucher memory v = list[i];
            I.Session memory s = termsOf(v.sessionIndex);
            bytes32 id = sessions[v.sessionIndex].sessionId;
            vm.assertEq(validator.voucherDigest(id, v.payee, v.maxClaimable), v.digest, v.name);
            // No session has the key zero; the usual one stands in for it.
            address key = v.key == address(0) ? address(1) : v.key;
            vm.assertTrue(registered(s, key), v.name);
            fund(id, v.payee, 1);
            I.Claim memory c = I.Claim(id, v.maxClaimable, 1, v.r, v.vs);
            vm.assertEq(
                uint256(validator.checkClaim(v.payee, address(usdc), c)), uint256(I.ClaimStatus.BadSignature), v.name
            );
            vm.assertEq(settle(v.payee, c), 0, v.name);
            // The long form, pressed into the compact one as a careless relay would.
            uint256 parity = v.signature[64] == bytes1(uint8(28)) ? 1 : 0;
            (c.r, c.vs) = (word(v.signature, 0), word(v.signature, 32) | bytes32(parity << 255));
            vm.assertEq(settle(v.payee, c), 0, v.name);
        }
    }

    // --- what the owner signs

    function test_actions() public {
        Golden.Action[] memory list = Golden.actions(json);
        vm.assertEq(list.length, 36, "count");
        uint256 accepted;
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Action memory a = list[i];
            I.Session memory s = termsOf(a.sessionIndex);
            bytes32 id = sessions[a.sessionIndex].sessionId;
            vm.assertEq(digest(a.sessionIndex, Typed.action(a.kind, id, a.nonce, a.deadline)), a.digest, a.kind);
            assertSigned(a.digest, a.signature, a.signer);
            if (!reached(s, id, a.nonce)) continue;

            bytes32 kind = keccak256(bytes(a.kind));
            if (kind == keccak256("Freeze")) {
                validator.freezeWithSig(id, a.nonce, a.deadline, a.signature);
            } else if (kind == keccak256("Unfreeze")) {
                vm.prank(s.owner);
                validator.freeze(id);
                validator.unfreezeWithSig(id, a.nonce, a.deadline, a.signature);
            } else {
                validator.revokeWithSig(id, a.nonce, a.deadline, a.signature);
            }
            vm.assertEq(validator.sessionState(id).nonce, a.nonce + 1, a.kind);
            accepted++;
        }
        vm.assertEq(accepted, 24, "all but the largest nonces");
    }

    function test_rotations() public {
        Golden.Rotation[] memory list = Golden.rotations(json);
        vm.assertEq(list.length, 12, "count");
        uint256 accepted;
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Rotation memory r = list[i];
            I.Session memory s = termsOf(r.sessionIndex);
            bytes32 id = sessions[r.sessionIndex].sessionId;
            vm.assertEq(digest(r.sessionIndex, Typed.rotateKey(id, r.key, r.nonce, r.deadline)), r.digest, "digest");
            assertSigned(r.digest, r.signature, r.signer);
            if (!reached(s, id, r.nonce)) continue;
            validator.rotateKeyWithSig(id, r.key, r.nonce, r.deadline, r.signature);
            vm.assertEq(validator.sessionState(id).key, r.key, "key");
            accepted++;
        }
        vm.assertEq(accepted, 8, "all but the largest nonces");
    }

    function test_withdrawals() public {
        Golden.Withdrawal[] memory list = Golden.withdrawals(json);
        vm.assertEq(list.length, 12, "count");
        uint256 accepted;
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Withdrawal memory w = list[i];
            I.Session memory s = termsOf(w.sessionIndex);
            bytes32 id = sessions[w.sessionIndex].sessionId;
            bytes32 hash = Typed.requestWithdraw(id, w.payee, w.amount, w.nonce, w.deadline);
            vm.assertEq(digest(w.sessionIndex, hash), w.digest, "digest");
            assertSigned(w.digest, w.signature, w.signer);
            if (!reached(s, id, w.nonce)) continue;
            validator.requestWithdrawWithSig(id, w.payee, w.amount, w.nonce, w.deadline, w.signature);
            vm.assertEq(validator.escrowState(id, w.payee).withdrawAmount, w.amount, "amount");
            accepted++;
        }
        vm.assertEq(accepted, 8, "all but the largest nonces");
    }

    // --- what the token checks (EIP-3009)

    function test_authorizations() public {
        Golden.Authorization[] memory list = Golden.authorizations(json);
        vm.assertEq(list.length, 18, "count");
        uint256 accepted;
        for (uint256 i = 0; i < list.length; i++) {
            Golden.Authorization memory a = list[i];
            I.Session memory s = termsOf(a.sessionIndex);
            bytes32 domain = Typed.domain("USD Coin", "2", block.chainid, a.token);
            bytes32 hash = Typed.receiveWithAuthorization(a.from, a.to, a.value, a.validAfter, a.validBefore, a.nonce);
            vm.assertEq(Typed.digest(domain, hash), a.digest, "digest");
            vm.assertEq(a.to, address(validator), "to the contract");
            assertSigned(a.digest, a.signature, a.signer);
            // Not the largest values: that is after the end of time, and in a token that is not there.
            if (a.token != address(usdc) || a.validBefore == type(uint256).max) continue;

            vm.warp(a.validBefore - 1);
            usdc.mint(a.from, a.value);
            if (a.key == address(0)) {
                registerAs(s, address(1));
                validator.depositWithAuthorization(
                    sessions[a.sessionIndex].sessionId,
                    a.payee,
                    a.from,
                    a.amount,
                    a.index,
                    a.validAfter,
                    a.validBefore,
                    a.signature
                );
            } else {
                validator.openWithAuthorization(
                    s, a.key, a.payee, a.amount, a.index, a.validAfter, a.validBefore, a.signature
                );
            }
            vm.assertEq(validator.escrow(sessions[a.sessionIndex].sessionId, a.payee), a.amount, "escrow");
            accepted++;
        }
        vm.assertEq(accepted, 8, "opening and topping up, two sessions, two chains");
    }

    // --- words

    /// Both contracts at the addresses of the vectors, freshly deployed on this chain.
    function onChain(uint256 chainId) private {
        vm.revertToState(clean);
        vm.chainId(chainId);
        // Within each session that can be registered, and before each deadline.
        vm.warp(1_780_000_000);
        usdc = TestUSDC(sessions[0].session.token);
        place(address(usdc), type(TestUSDC).creationCode);
        address[] memory tokens = new address[](1);
        tokens[0] = address(usdc);
        validator = SessionKeyValidator(sessions[0].verifyingContract);
        place(address(validator), abi.encodePacked(type(SessionKeyValidator).creationCode, abi.encode(tokens)));
    }

    /// Runs the constructor at this very address, because the domain is fixed there.
    function place(address where, bytes memory creation) private {
        vm.etch(where, creation);
        (bool ok, bytes memory runtime) = where.call("");
        vm.assertTrue(ok, "constructor");
        vm.etch(where, runtime);
    }

    function termsOf(uint256 sessionIndex) private returns (I.Session memory s) {
        onChain(sessions[sessionIndex].chainId);
        s = sessions[sessionIndex].session;
    }

    function digest(uint256 sessionIndex, bytes32 structHash) private view returns (bytes32) {
        Golden.Session storage entry = sessions[sessionIndex];
        return
            Typed.digest(Typed.domain("SessionKeyValidator", "1", entry.chainId, entry.verifyingContract), structHash);
    }

    /// False for the sessions of largest values, which cannot be registered.
    function registered(I.Session memory s, address key) private returns (bool) {
        if (s.validAfter == s.validUntil) return false;
        registerAs(s, key);
        return true;
    }

    function registerAs(I.Session memory s, address key) private {
        vm.prank(s.owner);
        validator.registerSession(s, key);
    }

    /// Registers the session and brings its nonce to this one; false when that would take for ever.
    function reached(I.Session memory s, bytes32 id, uint256 nonce) private returns (bool) {
        if (nonce > 10) return false;
        registerAs(s, address(1));
        for (uint256 i = 0; i < nonce; i++) {
            bytes32 hash = Typed.rotateKey(id, address(uint160(2 + i)), i, block.timestamp);
            bytes32 signedDigest = Typed.digest(validator.DOMAIN_SEPARATOR(), hash);
            // The owner of the vectors: its private key is the hash of its name.
            (uint8 v, bytes32 r, bytes32 s_) = vm.sign(uint256(keccak256("tollbook test vector: owner")), signedDigest);
            validator.rotateKeyWithSig(id, address(uint160(2 + i)), i, block.timestamp, abi.encodePacked(r, s_, v));
        }
        return true;
    }

    function fund(bytes32 id, address payee, uint128 amount) private {
        usdc.mint(address(this), amount);
        usdc.approve(address(validator), amount);
        validator.depositFor(id, payee, amount);
    }

    function settle(address payee, I.Claim memory c) private returns (uint256) {
        I.Claim[] memory claims = new I.Claim[](1);
        claims[0] = c;
        vm.prank(payee);
        return validator.settleBatch(bytes32(0), payee, address(usdc), claims);
    }

    function assertSigned(bytes32 signedDigest, bytes memory signature, address signer) private pure {
        vm.assertEq(signature.length, 65, "length");
        address by = ecrecover(signedDigest, uint8(signature[64]), word(signature, 0), word(signature, 32));
        vm.assertEq(by, signer, "signer");
    }

    function word(bytes memory data, uint256 offset) private pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := mload(add(add(data, 0x20), offset))
        }
    }

    function copy(I.Session memory from, I.Session storage to) private {
        (to.owner, to.token, to.salt) = (from.owner, from.token, from.salt);
        (to.validAfter, to.validUntil) = (from.validAfter, from.validUntil);
        (to.settleGrace, to.withdrawDelay) = (from.settleGrace, from.withdrawDelay);
        for (uint256 i = 0; i < from.allowances.length; i++) {
            to.allowances.push(from.allowances[i]);
        }
    }
}
