// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../src/SessionKeyValidator.sol";
import {TestUSDC} from "../src/TestUSDC.sol";
import {Handler} from "./support/Handler.sol";
import {vm} from "./support/Vm.sol";

/// @notice What holds after every call, in any order of calls by anybody.
/// @dev One function for all of it: each invariant function is a run of its own, and one long run finds more than
/// several short ones. `require` instead of the cheat codes' asserts, which would take most of the time.
contract InvariantsTest {
    uint48 internal constant START = 1_800_000_000;

    SessionKeyValidator internal validator;
    TestUSDC internal usdc;
    Handler internal handler;
    mapping(string what => uint256) private times;
    mapping(I.ClaimStatus => uint256) private judged;

    function setUp() public {
        vm.warp(START);
        usdc = new TestUSDC();
        address[] memory tokens = new address[](1);
        tokens[0] = address(usdc);
        validator = new SessionKeyValidator(tokens);
        handler = new Handler(validator, usdc);
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// That the run below is worth something: the handler gets to everything it can do, and often.
    function test_theHandlerGetsEverywhere() external {
        for (uint256 i = 0; i < 2_000; i++) {
            uint256 seed = uint256(keccak256(abi.encode(i)));
            uint128 amount = uint128(seed >> 32);
            uint256 action = seed % 13;
            seed >>= 8;
            if (action == 0) handler.openSession(seed);
            if (action == 1) handler.deposit(seed, amount);
            if (action == 2) handler.depositFor(seed, amount);
            if (action == 3) handler.depositAuthorized(seed, amount, i);
            if (action == 4) handler.requestWithdraw(seed, amount);
            if (action == 5) handler.cancelWithdraw(seed, amount);
            if (action == 6) handler.finalizeWithdraw(seed);
            if (action == 7) handler.freezeOrUnfreeze(seed);
            if (action == 8) handler.revoke(seed, amount);
            if (action == 9) handler.rotateKey(seed);
            if (action == 10) handler.donate(amount);
            if (action == 11) handler.passTime(seed);
            if (action == 12) handler.settle(seed, seedsOf(seed), seed >> 16);
            if (i % 150 == 149) {
                this.invariant_theBooksAreRight();
                addUp();
                // A new life, before all sessions are over.
                setUp();
            }
        }
        string[] memory all = happenings();
        for (uint256 i = 0; i < all.length; i++) {
            require(times[all[i]] >= 2, string.concat(all[i], ": ", vm.toString(times[all[i]])));
        }
        // All that can come of a claim here; sessions and payees are known, and there is one token.
        I.ClaimStatus[9] memory reasons = [
            I.ClaimStatus.Ok,
            I.ClaimStatus.UnknownPayee,
            I.ClaimStatus.NotYetValid,
            I.ClaimStatus.ClaimWindowClosed,
            I.ClaimStatus.AlreadyClaimed,
            I.ClaimStatus.AboveVoucher,
            I.ClaimStatus.AboveEscrow,
            I.ClaimStatus.AbovePeriodLimit,
            I.ClaimStatus.BadSignature
        ];
        for (uint256 i = 0; i < reasons.length; i++) {
            require(judged[reasons[i]] >= 2, string.concat("reason ", vm.toString(uint256(reasons[i]))));
        }
    }

    /// forge-config: default.invariant.runs = 48
    /// forge-config: default.invariant.depth = 150
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_theBooksAreRight() external view {
        uint256 open;
        uint256[] memory paid = new uint256[](handler.PAYEES());
        uint256 count = handler.count();
        for (uint256 i = 0; i < count; i++) {
            bytes32 id = handler.ids(i);
            for (uint256 p = 0; p < paid.length; p++) {
                (uint128 held, uint128 claimed) = checkPart(id, p);
                open += held - claimed;
                paid[p] += claimed;
            }
        }
        uint256 here = usdc.balanceOf(address(validator));
        require(here == open + handler.donated(), "here is what is promised, and what somebody just sent");
        uint256 all = here + usdc.balanceOf(handler.donor());
        for (uint256 p = 0; p < paid.length; p++) {
            uint256 has = usdc.balanceOf(handler.payee(p));
            require(has == paid[p], "a payee has what was claimed for it");
            all += has;
        }
        for (uint256 o = 0; o < handler.owners(); o++) {
            address owner = handler.owner(o);
            uint256 has = usdc.balanceOf(owner);
            require(
                has + handler.spent(owner) == handler.given(owner) + handler.withdrawn(owner),
                "an owner has what it was given and withdrew, less what it paid in"
            );
            all += has;
        }
        require(all == handler.minted(), "nothing has gone to anybody else, whoever finished the withdrawals");
    }

    function checkPart(bytes32 id, uint256 p) private view returns (uint128 held, uint128 claimed) {
        Handler.Part memory books = handler.partOf(id, p);
        I.EscrowState memory part = validator.escrowState(id, handler.payee(p));
        (held, claimed) = (part.escrow, part.claimed);

        require(claimed <= held, "claimed is at most the escrow");
        require(held <= part.limit, "the escrow is at most the limit");
        require(part.limit == books.limit, "the limit is as it was signed");
        require(held == books.deposited - books.withdrawn, "the escrow is what came in less what went out");
        require(claimed >= books.claimedBefore, "claimed only grows");
        require(claimed <= books.promised, "claimed is at most what a key of the session has signed");
        if (part.period != 0) {
            uint256 from = books.validAfter;
            uint256 periods = block.timestamp < from ? 0 : 1 + (block.timestamp - from) / part.period;
            require(claimed <= uint256(part.periodLimit) * periods, "claimed is at most what has accrued");
        }
    }

    function addUp() private {
        string[] memory all = happenings();
        for (uint256 i = 0; i < all.length; i++) {
            times[all[i]] += handler.times(all[i]);
        }
        for (uint256 i = 0; i <= uint256(type(I.ClaimStatus).max); i++) {
            judged[I.ClaimStatus(i)] += handler.judged(I.ClaimStatus(i));
        }
    }

    function happenings() private pure returns (string[] memory all) {
        all = new string[](14);
        (all[0], all[1], all[2]) = ("opened", "deposited", "deposited for");
        (all[3], all[4], all[5]) = ("deposited by authorization", "settled", "settled nothing");
        (all[6], all[7]) = ("asked for a withdrawal", "cancelled a withdrawal");
        (all[8], all[9]) = ("withdrew", "withdrew nothing");
        (all[10], all[11], all[12], all[13]) = ("froze", "unfroze", "revoked", "rotated");
    }

    function seedsOf(uint256 seed) private pure returns (uint256[8] memory seeds) {
        for (uint256 i = 0; i < 8; i++) {
            seeds[i] = uint256(keccak256(abi.encode(seed, i)));
        }
    }
}
