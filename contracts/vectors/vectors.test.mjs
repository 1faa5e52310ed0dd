// Recomputes vouchers.json from its own values, once with viem's typed data and once by hand from the
// encoding rules of EIP-712, so that a mistake in how make.mjs calls viem does not become the truth.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import {
  compactSignatureToSignature,
  concat,
  encodeAbiParameters,
  hashTypedData,
  hexToBigInt,
  keccak256,
  parseSignature,
  recoverAddress,
  size,
  slice,
  stringToHex,
  zeroAddress,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";
import * as made from "./make.mjs";

const text = readFileSync(made.file, "utf8");
const vectors = JSON.parse(text);

const HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0n;

const TYPES = {
  Allowance: "Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)",
  Session:
    "Session(address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay," +
    "Allowance[] allowances,bytes32 salt)Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)",
  SessionGrant:
    "SessionGrant(Session session,address key)Allowance(address payee,uint128 limit,uint128 periodLimit,uint32 period)" +
    "Session(address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay," +
    "Allowance[] allowances,bytes32 salt)",
  Voucher: "Voucher(bytes32 sessionId,address payee,uint128 maxClaimable)",
  Freeze: "Freeze(bytes32 sessionId,uint256 nonce,uint256 deadline)",
  Unfreeze: "Unfreeze(bytes32 sessionId,uint256 nonce,uint256 deadline)",
  Revoke: "Revoke(bytes32 sessionId,uint256 nonce,uint256 deadline)",
  RotateKey: "RotateKey(bytes32 sessionId,address key,uint256 nonce,uint256 deadline)",
  RequestWithdraw: "RequestWithdraw(bytes32 sessionId,address payee,uint128 amount,uint256 nonce,uint256 deadline)",
  ReceiveWithAuthorization:
    "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)",
};

// --- by hand

const words = (...pairs) =>
  encodeAbiParameters(
    pairs.map(([type]) => ({ type })),
    pairs.map(([type, value]) => (/^uint/.test(type) ? BigInt(value) : value)),
  );

const struct = (name, ...pairs) => keccak256(words(["bytes32", keccak256(stringToHex(TYPES[name]))], ...pairs));

// A flat struct's fields, in the order that its type names them.
const flat = (name, message) =>
  struct(
    name,
    ...TYPES[name]
      .slice(name.length + 1, -1)
      .split(",")
      .map((field) => field.split(" "))
      .map(([type, field]) => [type, message[field]]),
  );

const sessionStruct = (s) =>
  struct(
    "Session",
    ["address", s.owner],
    ["address", s.token],
    ["uint48", s.validAfter],
    ["uint48", s.validUntil],
    ["uint32", s.settleGrace],
    ["uint32", s.withdrawDelay],
    ["bytes32", keccak256(concat(s.allowances.map((a) => flat("Allowance", a))))],
    ["bytes32", s.salt],
  );

const separator = ({ name, version, chainId, verifyingContract }) =>
  keccak256(
    words(
      [
        "bytes32",
        keccak256(stringToHex("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")),
      ],
      ["bytes32", keccak256(stringToHex(name))],
      ["bytes32", keccak256(stringToHex(version))],
      ["uint256", chainId],
      ["address", verifyingContract],
    ),
  );

const digestByHand = (domain, structHash) => keccak256(concat(["0x1901", separator(domain), structHash]));

// --- checks

const domainOf = ({ chainId, verifyingContract }) => made.contractDomain(chainId, verifyingContract);

function checkDigest(vector, domain, primaryType, message, structHash) {
  assert.equal(hashTypedData({ domain, types: made.types, primaryType, message }), vector.digest);
  assert.equal(digestByHand(domain, structHash), vector.digest);
}

async function checkSignature({ digest, signature, r, vs }, signer) {
  assert.equal(size(signature), 65);
  assert.equal(slice(signature, 0, 32), r);
  assert.ok(hexToBigInt(slice(signature, 32, 64)) <= HALF_ORDER, "low s");
  const { s, yParity } = parseSignature(signature);
  assert.deepEqual(compactSignatureToSignature({ r, yParityAndS: vs }), { r, s, yParity });
  assert.equal(await recoverAddress({ hash: digest, signature }), signer);
  const known = vectors.keys.find((key) => key.address === signer);
  if (known) assert.equal(await privateKeyToAccount(known.privateKey).sign({ hash: digest }), signature);
}

function checkSession({ sessionIndex, chainId, verifyingContract, sessionId }) {
  const { session, name, ...its } = vectors.sessions[sessionIndex];
  assert.deepEqual({ chainId, verifyingContract, sessionId }, its);
  return session;
}

test("the file is what make.mjs makes", async () => {
  assert.equal(text, `${JSON.stringify(await made.make(), null, 2)}\n`);
});

test("everything is there", () => {
  assert.deepEqual([...new Set(vectors.sessions.map((s) => s.chainId))], [31337, 8453]);
  assert.deepEqual([...new Set(vectors.sessions.map((s) => s.session.allowances.length))], [1, 3, 16]);
  assert.deepEqual(
    vectors.evidence.trees.map((tree) => tree.leafCount),
    [1, 2, 3, 5, 8],
  );
  const digests = [...vectors.grants, ...vectors.vouchers, ...vectors.actions].map((v) => v.digest);
  assert.equal(new Set(digests).size, digests.length);
});

test("keys, types and domains", () => {
  for (const { privateKey, address } of vectors.keys) assert.equal(privateKeyToAccount(privateKey).address, address);
  for (const { name, encodeType, typeHash } of vectors.types) {
    assert.equal(encodeType, TYPES[name]);
    assert.equal(typeHash, keccak256(stringToHex(TYPES[name])));
  }
  assert.equal(vectors.types.length, Object.keys(TYPES).length);
  for (const domain of vectors.domains) assert.equal(separator(domain), domain.separator);
});

describe("sessions", () => {
  for (const { name, chainId, verifyingContract, session, sessionId } of vectors.sessions) {
    test(`${name} on ${chainId}`, () =>
      checkDigest(
        { digest: sessionId },
        domainOf({ chainId, verifyingContract }),
        "Session",
        session,
        sessionStruct(session),
      ));
  }
});

test("grants", async () => {
  for (const grant of vectors.grants) {
    const session = checkSession(grant);
    const byHand = struct("SessionGrant", ["bytes32", sessionStruct(session)], ["address", grant.key]);
    checkDigest(grant, domainOf(grant), "SessionGrant", { session, key: grant.key }, byHand);
    assert.equal(grant.signer, session.owner);
    await checkSignature(grant, grant.signer);
  }
});

describe("vouchers", () => {
  for (const voucher of vectors.vouchers) {
    test(`${voucher.name} on ${voucher.chainId}`, async () => {
      checkSession(voucher);
      checkDigest(voucher, domainOf(voucher), "Voucher", voucher, flat("Voucher", voucher));
      await checkSignature(voucher, voucher.key);
    });
  }
});

describe("rejected vouchers", () => {
  for (const voucher of vectors.rejectedVouchers) {
    test(voucher.name, async () => {
      checkSession(voucher);
      checkDigest(voucher, domainOf(voucher), "Voucher", voucher, flat("Voucher", voucher));
      const { recovered, recoveredCompact } = await made.recovered(voucher.digest, voucher);
      assert.deepEqual([recovered, recoveredCompact], [voucher.recovered, voucher.recoveredCompact]);
      // The reason to reject: another signer, a high s, or no signer at all.
      const high = hexToBigInt(slice(voucher.signature, 32, 64)) > HALF_ORDER;
      assert.ok(recovered !== voucher.key || high || recovered === zeroAddress);
      const compactHigh = (hexToBigInt(voucher.vs) & (2n ** 255n - 1n)) > HALF_ORDER;
      assert.ok(recoveredCompact !== voucher.key || compactHigh || recoveredCompact === zeroAddress);
    });
  }

  const named = (name) => vectors.rejectedVouchers.find((voucher) => voucher.name === name);

  test("a high s recovers to the key unless it is looked for", () => {
    assert.equal(named("high s").recovered, named("high s").key);
    assert.equal(named("high s in 255 bits").recovered, named("high s in 255 bits").key);
    assert.equal(named("high s in 255 bits").recoveredCompact, named("high s in 255 bits").key);
  });
});

for (const list of ["actions", "rotations", "withdrawals"]) {
  test(list, async () => {
    for (const action of vectors[list]) {
      const { owner } = checkSession(action);
      checkDigest(action, domainOf(action), action.type, action, flat(action.type, action));
      assert.equal(action.signer, owner);
      await checkSignature(action, owner);
    }
  });
}

test("authorizations", async () => {
  for (const a of vectors.authorizations) {
    const { token, owner } = checkSession(a);
    assert.deepEqual([a.token, a.from, a.to, a.value], [token, owner, a.verifyingContract, a.amount]);
    const nonce = keccak256(
      words(
        ["bytes32", a.sessionId],
        ["address", a.key],
        ["address", a.payee],
        ["uint128", a.amount],
        ["uint256", a.index],
      ),
    );
    assert.equal(a.nonce, nonce);
    assert.equal(made.depositNonce(a), nonce);
    const domain = made.tokenDomain(a.chainId, a.token);
    checkDigest(a, domain, "ReceiveWithAuthorization", a, flat("ReceiveWithAuthorization", a));
    await checkSignature(a, a.signer);
  }
});

describe("evidence", () => {
  const { charges, head, trees } = vectors.evidence;
  const hashed = (prefix, ...pairs) => keccak256(concat([prefix, words(...pairs)]));
  const node = (left, right) => keccak256(concat(["0x01", left, right]));

  test("leaves", () => {
    for (const c of charges) {
      const padded = concat([c.chargeId, `0x${"00".repeat(16)}`]); // left-aligned
      const leaf = hashed(
        "0x00",
        ["bytes32", c.sessionId],
        ["bytes32", padded],
        ["uint256", c.amount],
        ["uint256", c.cumulative],
      );
      assert.equal(c.leaf, leaf);
      assert.equal(made.chargeLeaf(c), leaf);
    }
    const leaf = hashed(
      "0x02",
      ["bytes32", concat([head.logId, `0x${"00".repeat(16)}`])],
      ["uint256", head.partition],
      ["uint256", head.position],
      ["bytes32", head.chain],
    );
    assert.equal(head.leaf, leaf);
    assert.equal(made.headLeaf(head), leaf);
  });

  test("roots", () => {
    const roots = {
      1: ([a]) => a,
      2: ([a, b]) => node(a, b),
      3: ([a, b, c]) => node(node(a, b), c),
      5: ([a, b, c, d, e]) => node(node(node(a, b), node(c, d)), e),
      8: ([a, b, c, d, e, f, g, h]) => node(node(node(a, b), node(c, d)), node(node(e, f), node(g, h))),
    };
    for (const { leafCount, leaves, root } of trees) {
      assert.deepEqual(leaves, [...charges.slice(0, leafCount - 1).map((c) => c.leaf), head.leaf]);
      assert.equal(root, roots[leafCount](leaves));
      assert.equal(made.merkleRoot(leaves), root);
    }
  });
});
