// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionKeyValidator as I} from "../../src/ISessionKeyValidator.sol";
import {SessionKeyValidator} from "../../src/SessionKeyValidator.sol";
import {TestUSDC} from "../../src/TestUSDC.sol";
import {Typed} from "./Typed.sol";
import {vm} from "./Vm.sol";

/// @notice Everybody at once: three owners, three payees and a donor do what is possible at this moment, in any
/// order. It only makes calls that must succeed, so that every revert in a run is a failure, and keeps its own books,
/// with which the contract's are compared.
contract Handler {
    struct Part {
        uint128 limit;
        uint128 deposited;
        uint128 withdrawn;
        /// The highest amount that a key of the session has signed.
        uint128 promised;
        /// What the contract said was claimed, one call ago.
        uint128 claimedBefore;
        uint48 validAfter;
    }

    uint256 public constant PAYEES = 3;
    uint256 private constant OWNERS = 3;
    uint256 private constant SESSIONS_MOST = 8;

    SessionKeyValidator private immutable validator;
    TestUSDC private immutable usdc;
    address public immutable donor = address(0xD0);
    /// Settles for every payee, and must never have anything.
    address public immutable settler = address(0x5E77);

    address[OWNERS] private ownerAddresses;
    address[] private ownerOf;
    bytes32[] public ids;
    /// How often the key was rotated; each time to the next one.
    mapping(bytes32 id => uint256) private generation;
    mapping(bytes32 id => mapping(uint256 payee => Part)) private parts;

    mapping(address account => uint256) public given;
    mapping(address owner => uint256) public spent;
    mapping(address owner => uint256) public withdrawn;
    uint256 public donated;
    uint256 public minted;
    /// For the one who reads a run: how often each thing happened.
    mapping(string what => uint256) public times;
    mapping(I.ClaimStatus => uint256) public judged;

    constructor(SessionKeyValidator validator_, TestUSDC usdc_) {
        validator = validator_;
        usdc = usdc_;
        for (uint256 i = 0; i < OWNERS; i++) {
            ownerAddresses[i] = vm.addr(ownerSecret(i));
        }
        for (uint256 p = 0; p < PAYEES; p++) {
            vm.prank(payee(p));
            validator.setSettler(settler, true);
        }
    }

    modifier watching() {
        for (uint256 i = 0; i < ids.length; i++) {
            for (uint256 p = 0; p < PAYEES; p++) {
                parts[ids[i]][p].claimedBefore = validator.claimed(ids[i], payee(p));
            }
        }
        _;
    }

    // --- who there is

    function payee(uint256 number) public pure returns (address) {
        return address(uint160(0xFA1E + number));
    }

    function owner(uint256 number) public view returns (address) {
        return ownerAddresses[number];
    }

    function owners() external pure returns (uint256) {
        return OWNERS;
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function partOf(bytes32 id, uint256 number) external view returns (Part memory) {
        return parts[id][number];
    }

    // --- what they do

    function openSession(uint256 seed) external watching {
        if (ids.length == SESSIONS_MOST) return;
        I.Session memory s = I.Session({
            owner: owner(seed % OWNERS),
            token: address(usdc),
            validAfter: uint48(block.timestamp + draw(seed, "after", 0, 6 hours) - 3 hours),
            validUntil: uint48(block.timestamp + draw(seed, "until", 4 hours, 20 days)),
            settleGrace: uint32(draw(seed, "grace", 15 minutes, 3 days)),
            withdrawDelay: uint32(draw(seed, "delay", 15 minutes, 3 days)),
            allowances: new I.Allowance[](draw(seed, "payees", 2, PAYEES)),
            salt: bytes32(ids.length)
        });
        for (uint256 p = 0; p < s.allowances.length; p++) {
            s.allowances[p] = I.Allowance({
                payee: payee(p),
                limit: uint128(draw(seed, "limit", 1, 1_000e6)),
                periodLimit: uint128(draw(seed, "period limit", 1e6, 100e6)),
                period: seed % 3 == 0 ? 0 : uint32(draw(seed, "period", 1 hours, 2 days))
            });
        }
        bytes32 id = validator.sessionIdOf(s);
        vm.prank(s.owner);
        validator.registerSession(s, vm.addr(keySecret(id, 0)));
        ids.push(id);
        ownerOf.push(s.owner);
        for (uint256 p = 0; p < s.allowances.length; p++) {
            parts[id][p].limit = s.allowances[p].limit;
            parts[id][p].validAfter = s.validAfter;
        }
        times["opened"]++;
    }

    function deposit(uint256 which, uint128 amount) external watching {
        (uint256 i, bytes32 id, uint256 p) = pick(which);
        if (!takesDeposits(id)) return;
        uint128 room = roomOf(id, p);
        if (room == 0) return;
        amount = 1 + amount % room;
        address from = ownerOf[i];
        give(from, amount);
        vm.prank(from);
        validator.deposit(id, payee(p), amount);
        spent[from] += amount;
        parts[id][p].deposited += amount;
        times["deposited"]++;
    }

    function depositFor(uint256 which, uint128 amount) external watching {
        (, bytes32 id, uint256 p) = pick(which);
        uint128 room = roomOf(id, p);
        if (!takesDeposits(id) || room == 0) return;
        amount = 1 + amount % 2_000e6;
        give(donor, amount);
        vm.prank(donor);
        validator.depositFor(id, payee(p), amount);
        parts[id][p].deposited += amount < room ? amount : room;
        times["deposited for"]++;
    }

    function depositAuthorized(uint256 which, uint128 amount, uint256 index) external watching {
        (uint256 i, bytes32 id, uint256 p) = pick(which);
        uint128 room = roomOf(id, p);
        if (!takesDeposits(id) || room == 0) return;
        amount = 1 + amount % 2_000e6;
        address from = ownerOf[i];
        bytes32 nonce = validator.depositNonce(id, address(0), payee(p), amount, index);
        if (usdc.authorizationState(from, nonce)) return;
        give(from, amount);
        bytes memory signature = authorization(from, amount, nonce);
        validator.depositWithAuthorization(id, payee(p), from, amount, index, 0, block.timestamp + 1, signature);
        uint128 accepted = amount < room ? amount : room;
        spent[from] += accepted;
        parts[id][p].deposited += accepted;
        times["deposited by authorization"]++;
    }

    /// A batch of up to eight claims of one payee, good and bad ones, of any sessions, some twice.
    function settle(uint256 who, uint256[8] calldata seeds, uint256 length) external watching {
        if (ids.length == 0) return;
        uint256 p = who % PAYEES;
        I.Claim[] memory claims = new I.Claim[](1 + length % 8);
        for (uint256 i = 0; i < claims.length; i++) {
            claims[i] = claimBy(p, seeds[i]);
            judged[validator.checkClaim(payee(p), address(usdc), claims[i])]++;
        }
        uint256 before = usdc.balanceOf(payee(p));
        vm.prank(length % 2 == 0 ? payee(p) : settler);
        uint256 total = validator.settleBatch(bytes32(who), payee(p), address(usdc), claims);
        vm.assertEq(usdc.balanceOf(payee(p)) - before, total, "paid is what was said");
        times[total == 0 ? "settled nothing" : "settled"]++;
    }

    function requestWithdraw(uint256 which, uint128 amount) external watching {
        (uint256 i, bytes32 id, uint256 p) = pick(which);
        if (limitOf(id, p) == 0 || validator.escrowState(id, payee(p)).withdrawAmount != 0) return;
        amount = amount % 3 == 0 ? type(uint128).max : 1 + amount % 1_000e6;
        vm.prank(ownerOf[i]);
        validator.requestWithdraw(id, payee(p), amount);
        times["asked for a withdrawal"]++;
    }

    function cancelWithdraw(uint256 which, uint256 seed) external watching {
        (uint256 i, bytes32 id, uint256 p) = pick(which);
        // Not too often, or no withdrawal would ever be made.
        if (seed % 2 != 0 || limitOf(id, p) == 0 || validator.escrowState(id, payee(p)).withdrawAmount == 0) return;
        vm.prank(ownerOf[i]);
        validator.cancelWithdraw(id, payee(p));
        times["cancelled a withdrawal"]++;
    }

    function finalizeWithdraw(uint256 which) external watching {
        (uint256 i, bytes32 id, uint256 p) = pick(which);
        if (limitOf(id, p) == 0) return;
        I.EscrowState memory part = validator.escrowState(id, payee(p));
        if (part.withdrawAmount == 0) return;
        if (block.timestamp < part.withdrawAvailableAt) vm.warp(part.withdrawAvailableAt);
        uint128 free = part.escrow - part.claimed;
        uint128 out = part.withdrawAmount < free ? part.withdrawAmount : free;
        vm.prank(donor);
        validator.finalizeWithdraw(id, payee(p));
        withdrawn[ownerOf[i]] += out;
        parts[id][p].withdrawn += out;
        times[out == 0 ? "withdrew nothing" : "withdrew"]++;
    }

    function freezeOrUnfreeze(uint256 which) external watching {
        (uint256 i, bytes32 id,) = pick(which);
        I.SessionStatus status = statusOf(id);
        if (status == I.SessionStatus.Frozen) {
            vm.prank(ownerOf[i]);
            validator.unfreeze(id);
            times["unfroze"]++;
        } else if (status == I.SessionStatus.Active || status == I.SessionStatus.Pending) {
            vm.prank(ownerOf[i]);
            validator.freeze(id);
            times["froze"]++;
        }
    }

    function revoke(uint256 which, uint256 seed) external watching {
        (uint256 i, bytes32 id,) = pick(which);
        if (seed % 8 != 0 || !takesDeposits(id)) return;
        vm.prank(ownerOf[i]);
        validator.revoke(id);
        times["revoked"]++;
    }

    function rotateKey(uint256 which) external watching {
        (uint256 i, bytes32 id,) = pick(which);
        if (!takesDeposits(id)) return;
        address next = vm.addr(keySecret(id, ++generation[id]));
        vm.prank(ownerOf[i]);
        validator.rotateKey(id, next);
        times["rotated"]++;
    }

    function donate(uint128 amount) external watching {
        amount = 1 + amount % 10e6;
        usdc.mint(donor, amount);
        minted += amount;
        vm.prank(donor);
        usdc.transfer(address(validator), amount);
        donated += amount;
        times["donated"]++;
    }

    function passTime(uint256 seconds_) external watching {
        vm.warp(block.timestamp + 1 + seconds_ % 12 hours);
        times["time passed"]++;
    }

    // --- words

    /// Mostly good; one in four is by a stranger's key, above its voucher or above the escrow.
    function claimBy(uint256 p, uint256 seed) private returns (I.Claim memory c) {
        bytes32 id = ids[(seed >> 8) % ids.length];
        uint128 held = validator.escrow(id, payee(p));
        c.sessionId = id;
        uint128 least = seed % 5 == 0 ? 0 : validator.claimed(id, payee(p));
        c.totalClaimed = uint128(draw(seed, "total", least, held));
        c.maxClaimable = c.totalClaimed + uint128(draw(seed, "more", 0, 5e6));
        uint256 kind = seed % 12;
        if (kind == 0) c.totalClaimed = c.maxClaimable + 1;
        if (kind == 1) (c.totalClaimed, c.maxClaimable) = (held + 1, held + 1);
        // The key of now, or the first one there was, which may be retired.
        uint256 secret = keySecret(id, kind % 4 == 3 ? 0 : generation[id]);
        if (kind == 2) secret = ownerSecret(0);
        (c.r, c.vs) = voucher(secret, id, payee(p), c.maxClaimable);
        Part storage part = parts[id][p];
        if (kind != 2 && c.maxClaimable > part.promised) part.promised = c.maxClaimable;
    }

    function voucher(uint256 secret, bytes32 id, address to, uint128 maxClaimable)
        private
        view
        returns (bytes32 r, bytes32 vs)
    {
        bytes32 domain = Typed.domain("SessionKeyValidator", "1", block.chainid, address(validator));
        uint8 v;
        (v, r, vs) = vm.sign(secret, Typed.digest(domain, Typed.voucher(id, to, maxClaimable)));
        if (v == 28) vs |= bytes32(uint256(1) << 255);
    }

    function pick(uint256 which) private returns (uint256 i, bytes32 id, uint256 p) {
        if (ids.length == 0) this.openSession(which);
        i = which % ids.length;
        id = ids[i];
        p = (which >> 16) % PAYEES;
    }

    function authorization(address from, uint128 amount, bytes32 nonce) private view returns (bytes memory) {
        bytes32 hash = Typed.receiveWithAuthorization(from, address(validator), amount, 0, block.timestamp + 1, nonce);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(ownerSecretOf(from), Typed.digest(usdc.DOMAIN_SEPARATOR(), hash));
        return abi.encodePacked(r, s, v);
    }

    function give(address to, uint128 amount) private {
        usdc.mint(to, amount);
        minted += amount;
        given[to] += amount;
        vm.prank(to);
        usdc.approve(address(validator), amount);
    }

    function takesDeposits(bytes32 id) private view returns (bool) {
        I.SessionStatus status = statusOf(id);
        return status != I.SessionStatus.Revoked && status != I.SessionStatus.Expired;
    }

    function statusOf(bytes32 id) private view returns (I.SessionStatus) {
        return validator.sessionState(id).status;
    }

    function limitOf(bytes32 id, uint256 p) private view returns (uint128) {
        return parts[id][p].limit;
    }

    function roomOf(bytes32 id, uint256 p) private view returns (uint128) {
        return parts[id][p].limit + parts[id][p].withdrawn - parts[id][p].deposited;
    }

    function ownerSecret(uint256 number) private pure returns (uint256) {
        return 0xA0 + number;
    }

    function ownerSecretOf(address account) private view returns (uint256) {
        for (uint256 i = 0; i < OWNERS; i++) {
            if (owner(i) == account) return ownerSecret(i);
        }
        revert("no owner");
    }

    function keySecret(bytes32 id, uint256 number) private pure returns (uint256) {
        return uint128(uint256(keccak256(abi.encode("key", id, number))));
    }

    function draw(uint256 seed, string memory what, uint256 least, uint256 most) private pure returns (uint256) {
        return least + uint256(keccak256(abi.encode(seed, what))) % (most - least + 1);
    }
}
