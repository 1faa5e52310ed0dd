// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../src/ISessionKeyValidator.sol";
import {Fixture} from "./support/Fixture.sol";
import {Vm, vm} from "./support/Vm.sol";

/// What a batch costs, as a transaction of its own: cold storage, 21,000 and calldata included. Everything that is
/// not the batch is done in `setUp`, so that `forge snapshot` lists little else; the exact numbers are in the log
/// (`forge test --match-path test/Gas.t.sol -vv`).

/// @dev Each claim is of another session. The payee has money already, as every payee but a new one has.
abstract contract GasFixture is Fixture {
    /// The shape that forge prints with -vv.
    event log_named_uint(string what, uint256 value);

    /// As large as usual, so that calldata has the usual bytes.
    uint128 internal constant AMOUNT = USDC + 123_456;

    /// By payee: sessions that name only this one, `merchant` without periods and `metered` with.
    mapping(address payee => bytes32[100]) internal ids;

    function setUp() public virtual override {
        super.setUp();
        usdc.mint(merchant, 1);
        usdc.mint(metered, 1);
        for (uint256 i = 0; i < 100; i++) {
            openAlone(merchant, i, 0);
            openAlone(metered, i, 1);
        }
    }

    function claimsOf(address payee, uint256 count, uint128 total) internal view returns (I.Claim[] memory claims) {
        claims = new I.Claim[](count);
        for (uint256 i = 0; i < count; i++) {
            claims[i] = claim(ids[payee][i], payee, total);
        }
    }

    function openAlone(address payee, uint256 i, uint256 allowance) private {
        I.Session memory s = terms(bytes32(i));
        I.Allowance memory only = s.allowances[allowance];
        s.allowances = new I.Allowance[](1);
        s.allowances[0] = only;
        ids[payee][i] = register(s);
        fund(ids[payee][i], payee, 10 * USDC);
    }

    /// Pays just `total`, for at most `mark` a claim: about a tenth above what it is, so that compilers may differ, and
    /// a storage slot too many shows.
    function assertCosts(address payee, I.Claim[] memory claims, uint256 total, uint256 mark) internal {
        vm.prank(payee);
        vm.assertEq(validator.settleBatch(ROOT, payee, token, claims), total, "total");
        uint256 gas = vm.lastCallGas().gasTotalUsed;
        emit log_named_uint("gas of the batch", gas);
        emit log_named_uint("gas for each claim", gas / claims.length);
        // Coverage counts in code that is not optimized.
        if (vm.isContext(Vm.ForgeContext.Coverage)) return;
        vm.assertLe(gas / claims.length, mark, "gas for each claim");
    }
}

/// @notice A payee's first claim of each session.
/// forge-config: default.isolate = true
contract GasFirstTest is GasFixture {
    function test_first_001() public {
        assertCosts(merchant, claimsOf(merchant, 1, AMOUNT), AMOUNT, 74_000);
    }

    function test_first_010() public {
        assertCosts(merchant, claimsOf(merchant, 10, AMOUNT), 10 * AMOUNT, 25_000);
    }

    function test_first_050() public {
        assertCosts(merchant, claimsOf(merchant, 50, AMOUNT), 50 * AMOUNT, 20_600);
    }

    function test_first_100() public {
        assertCosts(merchant, claimsOf(merchant, 100, AMOUNT), 100 * AMOUNT, 20_000);
    }

    /// A hundred that are good but for their signatures.
    function test_badSignatures_100() public {
        I.Claim[] memory claims = claimsOf(merchant, 100, AMOUNT);
        for (uint256 i = 0; i < claims.length; i++) {
            claims[i].vs ^= bytes32(uint256(1));
        }
        assertCosts(merchant, claims, 0, 18_200);
    }

    /// One session a hundred times: what calldata, signature and event cost without storage.
    function test_sameSession_100() public {
        I.Claim[] memory claims = new I.Claim[](100);
        for (uint128 i = 0; i < claims.length; i++) {
            claims[i] = claim(ids[merchant][0], merchant, AMOUNT + i);
        }
        assertCosts(merchant, claims, AMOUNT + 99, 12_600);
    }

    /// The largest contract that can be deployed (EIP-170).
    function test_codeSize() public {
        emit log_named_uint("bytes of code", address(validator).code.length);
        if (vm.isContext(Vm.ForgeContext.Coverage)) return;
        vm.assertLe(address(validator).code.length, 24_576, "code size");
    }
}

/// @notice The second claim of each session: what settling costs day by day.
/// forge-config: default.isolate = true
contract GasSteadyTest is GasFixture {
    /// The session's first slot, and the first of the payee's part.
    uint256 private constant COLD_READS = 2 * 2_100;
    /// From one value to another, in a slot that was read before.
    uint256 private constant WRITE = 2_900;
    /// The precompile, and the call to it.
    uint256 private constant ECRECOVER = 3_000 + 100;
    /// Claimed: its signature, two indexed words, two words of data.
    uint256 private constant LOG = 375 + 3 * 375 + 8 * 64;

    function setUp() public override {
        super.setUp();
        settle(merchant, claimsOf(merchant, 100, AMOUNT));
        settle(metered, claimsOf(metered, 100, AMOUNT));
    }

    function test_steady_001() public {
        assertCosts(merchant, claimsOf(merchant, 1, 2 * AMOUNT), AMOUNT, 74_000);
    }

    function test_steady_010() public {
        assertCosts(merchant, claimsOf(merchant, 10, 2 * AMOUNT), 10 * AMOUNT, 25_000);
    }

    function test_steady_050() public {
        assertCosts(merchant, claimsOf(merchant, 50, 2 * AMOUNT), 50 * AMOUNT, 20_600);
    }

    function test_steady_100() public {
        assertCosts(merchant, claimsOf(merchant, 100, 2 * AMOUNT), 100 * AMOUNT, 20_000);
    }

    /// Where the gas of one claim more goes: what the rules of the EVM (Cancun) say of each part, and what is left for
    /// the code itself. The parts are those of a usual claim: see `_judge` and `_collect`.
    function test_split() public {
        // Amounts with equally many bytes that are not zero: the difference is fifty claims and nothing else.
        uint256 fifty = gasOf(claimsOf(merchant, 50, 3 * AMOUNT));
        I.Claim[] memory claims = claimsOf(merchant, 100, 5 * AMOUNT);
        uint256 hundred = gasOf(claims);
        uint256 oneMore = (hundred - fifty) / 50;

        uint256 callData = (callDataGas(claims) - callDataGas(new I.Claim[](0))) / 100;
        uint256 rest = oneMore - callData - COLD_READS - WRITE - ECRECOVER - LOG;
        emit log_named_uint("gas of one claim more", oneMore);
        emit log_named_uint("  call data", callData);
        emit log_named_uint("  two cold reads of storage", COLD_READS);
        emit log_named_uint("  one write", WRITE);
        emit log_named_uint("  ecrecover", ECRECOVER);
        emit log_named_uint("  the event Claimed", LOG);
        emit log_named_uint("  code, memory, hashes and warm reads", rest);
        emit log_named_uint("gas of a batch without its claims", hundred - 100 * oneMore);
        emit log_named_uint("gas of a thousand charges, at 10,000 a claim and 100 claims", hundred / 1_000);
        if (vm.isContext(Vm.ForgeContext.Coverage)) return;
        vm.assertLe(oneMore, 20_000, "gas of one claim more");
        vm.assertLe(rest, 4_200, "gas of the code");
    }

    function gasOf(I.Claim[] memory claims) private returns (uint256) {
        vm.prank(merchant);
        validator.settleBatch(ROOT, merchant, token, claims);
        return vm.lastCallGas().gasTotalUsed;
    }

    /// Call data as a transaction pays for it: 4 for a zero byte, 16 for any other.
    function callDataGas(I.Claim[] memory claims) private view returns (uint256 gas) {
        bytes memory data = abi.encodeCall(I.settleBatch, (ROOT, merchant, token, claims));
        for (uint256 i = 0; i < data.length; i++) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }

    /// With a period limit, for which three more slots are read.
    function test_steadyWithPeriod_100() public {
        assertCosts(metered, claimsOf(metered, 100, 2 * AMOUNT), 100 * AMOUNT, 28_000);
    }

    /// The same hundred again: what a settler pays who comes second.
    function test_replayed_100() public {
        assertCosts(merchant, claimsOf(merchant, 100, AMOUNT), 0, 10_500);
    }
}
