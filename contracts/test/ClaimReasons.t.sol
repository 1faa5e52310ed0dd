// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../src/SessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {Typed} from "./support/Typed.sol";
import {vm} from "./support/Vm.sol";

/// @notice Each reason for which a claim is skipped. `assertSkips` asks `checkClaim` first and settles then, so every
/// test here also says that the two agree.
contract ClaimReasonsTest is Fixture {
    uint256 internal constant N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    bytes32 internal id;

    function setUp() public override {
        super.setUp();
        id = open(100);
    }

    /// These numbers are in other people's logs.
    function test_numbersOfReasons() public pure {
        vm.assertEq(uint256(I.ClaimStatus.Ok), 0, "Ok");
        vm.assertEq(uint256(I.ClaimStatus.UnknownSession), 1, "UnknownSession");
        vm.assertEq(uint256(I.ClaimStatus.WrongToken), 2, "WrongToken");
        vm.assertEq(uint256(I.ClaimStatus.UnknownPayee), 3, "UnknownPayee");
        vm.assertEq(uint256(I.ClaimStatus.NotYetValid), 4, "NotYetValid");
        vm.assertEq(uint256(I.ClaimStatus.ClaimWindowClosed), 5, "ClaimWindowClosed");
        vm.assertEq(uint256(I.ClaimStatus.AlreadyClaimed), 6, "AlreadyClaimed");
        vm.assertEq(uint256(I.ClaimStatus.AboveVoucher), 7, "AboveVoucher");
        vm.assertEq(uint256(I.ClaimStatus.AboveEscrow), 8, "AboveEscrow");
        vm.assertEq(uint256(I.ClaimStatus.AbovePeriodLimit), 9, "AbovePeriodLimit");
        vm.assertEq(uint256(I.ClaimStatus.BadSignature), 10, "BadSignature");
    }

    function test_ok() public {
        assertPays(merchant, claim(id, merchant, 60), 60);
        assertPays(merchant, claim(id, merchant, 100), 40);
    }

    /// A voucher is never used up by taking a part of it.
    function test_okInParts() public {
        assertPays(merchant, claimBy(KEY_SECRET, id, merchant, 100, 1), 1);
        assertPays(merchant, claimBy(KEY_SECRET, id, merchant, 100, 60), 59);
        assertPays(merchant, claimBy(KEY_SECRET, id, merchant, 100, 100), 40);
    }

    /// The voucher may promise more than there is and more than the limit; only what is taken counts.
    function test_okByVoucherAboveEscrow() public {
        assertPays(merchant, claimBy(KEY_SECRET, id, merchant, ALL, 100), 100);
    }

    function test_unknownSession() public {
        assertSkips(merchant, claim("none", merchant, 1), I.ClaimStatus.UnknownSession);
    }

    function test_wrongToken() public {
        address[] memory tokens = new address[](2);
        (tokens[0], tokens[1]) = (token, stranger);
        validator = new SessionKeyValidator(tokens);
        id = open(100);
        assertSkips(merchant, stranger, claim(id, merchant, 1), I.ClaimStatus.WrongToken);
        // One that the contract does not even know, which must not be called.
        assertSkips(merchant, address(0xDEAD), claim(id, merchant, 1), I.ClaimStatus.WrongToken);
        assertSkips(merchant, address(0), claim(id, merchant, 1), I.ClaimStatus.WrongToken);
        assertPays(merchant, claim(id, merchant, 1), 1);
    }

    function test_unknownPayee() public {
        assertSkips(stranger, claim(id, stranger, 1), I.ClaimStatus.UnknownPayee);
        assertSkips(stranger, claim(id, merchant, 1), I.ClaimStatus.UnknownPayee);
    }

    /// Named, but without a deposit: that is another reason.
    function test_payeeWithoutEscrow() public {
        assertSkips(metered, claim(id, metered, 1), I.ClaimStatus.AboveEscrow);
    }

    function test_notYetValid() public {
        I.Session memory s = terms("later");
        s.validAfter = START + 10;
        bytes32 later = register(s);
        fund(later, merchant, 5);
        assertSkips(merchant, claim(later, merchant, 5), I.ClaimStatus.NotYetValid);
        vm.warp(START + 9);
        assertSkips(merchant, claim(later, merchant, 5), I.ClaimStatus.NotYetValid);
        vm.warp(START + 10);
        assertPays(merchant, claim(later, merchant, 5), 5);
    }

    function test_claimWindowClosed() public {
        vm.warp(END + GRACE + 1);
        assertSkips(merchant, claim(id, merchant, 1), I.ClaimStatus.ClaimWindowClosed);
    }

    function test_alreadyClaimed() public {
        assertSkips(merchant, claim(id, merchant, 0), I.ClaimStatus.AlreadyClaimed);
        assertPays(merchant, claim(id, merchant, 60), 60);
        assertSkips(merchant, claim(id, merchant, 60), I.ClaimStatus.AlreadyClaimed);
        assertSkips(merchant, claim(id, merchant, 59), I.ClaimStatus.AlreadyClaimed);
        // Also by a better voucher: what counts is what is asked for.
        assertSkips(merchant, claimBy(KEY_SECRET, id, merchant, 100, 60), I.ClaimStatus.AlreadyClaimed);
    }

    function test_aboveVoucher() public {
        assertSkips(merchant, claimBy(KEY_SECRET, id, merchant, 60, 61), I.ClaimStatus.AboveVoucher);
        assertSkips(merchant, claimBy(KEY_SECRET, id, merchant, 60, ALL), I.ClaimStatus.AboveVoucher);
    }

    function test_aboveEscrow() public {
        assertSkips(merchant, claim(id, merchant, 101), I.ClaimStatus.AboveEscrow);
        assertSkips(merchant, claim(id, merchant, ALL), I.ClaimStatus.AboveEscrow);
        // The other payee's money is not this one's.
        fund(id, metered, 50);
        assertSkips(merchant, claim(id, merchant, 101), I.ClaimStatus.AboveEscrow);
        fund(id, merchant, 1);
        assertPays(merchant, claim(id, merchant, 101), 101);
    }

    function test_abovePeriodLimit() public {
        fund(id, metered, LIMIT);
        assertSkips(metered, claim(id, metered, PERIOD_LIMIT + 1), I.ClaimStatus.AbovePeriodLimit);
        assertPays(metered, claim(id, metered, PERIOD_LIMIT), PERIOD_LIMIT);
    }

    // --- BadSignature

    function test_byAnotherKey() public {
        assertBad(claimBy(OTHER_KEY_SECRET, id, merchant, 50, 50));
        // Not even by the owner, who has other ways.
        assertBad(claimBy(OWNER_SECRET, id, merchant, 50, 50));
    }

    function test_byTheKeyOfAnotherSession() public {
        vm.prank(owner);
        bytes32 other = validator.registerSession(terms("other"), otherKey);
        assertBad(claimBy(OTHER_KEY_SECRET, id, merchant, 50, 50));
        fund(other, merchant, 50);
        assertSkips(merchant, claimBy(KEY_SECRET, other, merchant, 50, 50), I.ClaimStatus.BadSignature);
        assertPays(merchant, claimBy(OTHER_KEY_SECRET, other, merchant, 50, 50), 50);
    }

    function test_forAnotherPayee() public {
        fund(id, metered, 50);
        I.Claim memory theirs = claim(id, metered, 50);
        assertBad(theirs);
        assertPays(metered, theirs, 50);
    }

    function test_forAnotherSession() public {
        I.Claim memory c = claim(register(terms("other")), merchant, 50);
        c.sessionId = id;
        assertBad(c);
    }

    function test_forAnotherAmount() public {
        I.Claim memory c = claim(id, merchant, 50);
        (c.maxClaimable, c.totalClaimed) = (51, 51);
        assertBad(c);
        // A smaller promise is not in the signature either.
        (c.maxClaimable, c.totalClaimed) = (49, 49);
        assertBad(c);
    }

    function test_forAnotherChain() public {
        bytes32 domain = Typed.domain("SessionKeyValidator", "1", block.chainid + 1, address(validator));
        assertBad(under(domain));
        // The same contract after its chain split off: what was signed for the old chain ends there.
        I.Claim memory c = claim(id, merchant, 50);
        vm.chainId(block.chainid + 1);
        assertBad(c);
        assertPays(merchant, claim(id, merchant, 50), 50);
    }

    function test_forAnotherContract() public {
        assertBad(under(Typed.domain("SessionKeyValidator", "1", block.chainid, stranger)));
        assertBad(under(Typed.domain("SessionKeyValidator", "2", block.chainid, address(validator))));
        assertBad(under(Typed.domain("Somebody else's", "1", block.chainid, address(validator))));
    }

    function test_highS() public {
        I.Claim memory good = claim(id, merchant, 50);
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(KEY_SECRET, Typed.digest(separator(), Typed.voucher(id, merchant, 50)));
        // The other root of the same signature. Compact form has no room for a high s: its top bit is v's.
        uint256 high = N - uint256(s);
        bytes32 digest = Typed.digest(separator(), Typed.voucher(id, merchant, 50));
        vm.assertEq(ecrecover(digest, v == 27 ? 28 : 27, r, bytes32(high)), key, "ecrecover would take it");
        good.r = r;
        good.vs = bytes32(high);
        assertBad(good);
        good.vs = bytes32(high | (1 << 255));
        assertBad(good);
        good.vs = bytes32(high & ~uint256(1 << 255));
        assertBad(good);
        // Just above half of the group's order, below the bit of v.
        good.vs = bytes32(N / 2 + 1);
        assertBad(good);
    }

    function test_otherParity() public {
        I.Claim memory c = claim(id, merchant, 50);
        c.vs ^= bytes32(uint256(1) << 255);
        assertBad(c);
    }

    function test_emptyOrGarbage() public {
        I.Claim memory c = claim(id, merchant, 50);
        bytes32[7] memory words = [
            bytes32(0), bytes32(uint256(1)), bytes32(N), bytes32(N - 1), bytes32(N / 2), bytes32(type(uint256).max), "x"
        ];
        for (uint256 i = 0; i < words.length; i++) {
            for (uint256 j = 0; j < words.length; j++) {
                (c.r, c.vs) = (words[i], words[j]);
                assertBad(c);
            }
        }
        // Half a signature: what a client sends that cut it short.
        c = claim(id, merchant, 50);
        c.vs = 0;
        assertBad(c);
        c = claim(id, merchant, 50);
        c.r = 0;
        assertBad(c);
    }

    /// The digest that a key signs, as the contract says it.
    function test_voucherDigest() public view {
        vm.assertEq(
            validator.voucherDigest(id, merchant, 50),
            Typed.digest(separator(), Typed.voucher(id, merchant, 50)),
            "digest"
        );
        vm.assertEq(validator.DOMAIN_SEPARATOR(), separator(), "domain");
    }

    // --- more than one thing wrong

    /// The first rule that is broken is the one that is told, in the order of the numbers.
    function test_orderOfReasons() public {
        I.Session memory s = terms("order");
        s.validAfter = START + 1;
        bytes32 later = register(s);
        fund(later, metered, 11 * USDC);
        I.Claim memory c;
        c.sessionId = later;
        c.totalClaimed = ALL;

        assertSkips(stranger, stranger, c, I.ClaimStatus.WrongToken);
        assertSkips(stranger, c, I.ClaimStatus.UnknownPayee);
        assertSkips(metered, c, I.ClaimStatus.NotYetValid);
        vm.prank(owner);
        validator.freeze(later);
        vm.warp(START + GRACE + 1);
        assertSkips(metered, c, I.ClaimStatus.ClaimWindowClosed);
        vm.prank(owner);
        validator.unfreeze(later);
        c.totalClaimed = 0;
        assertSkips(metered, c, I.ClaimStatus.AlreadyClaimed);
        c.totalClaimed = ALL;
        assertSkips(metered, c, I.ClaimStatus.AboveVoucher);
        c.maxClaimable = ALL;
        assertSkips(metered, c, I.ClaimStatus.AboveEscrow);
        c.totalClaimed = 11 * USDC;
        assertSkips(metered, c, I.ClaimStatus.AbovePeriodLimit);
        // One day after validAfter: two periods.
        c.totalClaimed = 2 * PERIOD_LIMIT;
        assertSkips(metered, c, I.ClaimStatus.BadSignature);
        assertPays(metered, claim(later, metered, 2 * PERIOD_LIMIT), 2 * PERIOD_LIMIT);
    }

    function under(bytes32 domain) private view returns (I.Claim memory c) {
        c = claim(id, merchant, 50);
        (c.r, c.vs) = compact(KEY_SECRET, Typed.digest(domain, Typed.voucher(id, merchant, 50)));
    }

    function assertBad(I.Claim memory c) private {
        assertSkips(merchant, c, I.ClaimStatus.BadSignature);
    }
}
