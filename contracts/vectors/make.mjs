// Writes vouchers.json: what is signed around a session, and the evidence tree, with the right answers.
// README.md describes the file. `node make.mjs` always writes the same bytes.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import {
  concat,
  encodeAbiParameters,
  getAddress,
  hashDomain,
  hashTypedData,
  hexToBigInt,
  keccak256,
  maxUint128,
  maxUint256,
  maxUint32,
  maxUint48,
  numberToHex,
  parseSignature,
  recoverAddress,
  signatureToCompactSignature,
  slice,
  stringToHex,
  zeroAddress,
  zeroHash,
} from "viem";
import { privateKeyToAccount } from "viem/accounts";

const CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const CHAINS = [31337, 8453];

const fields = (list) =>
  list.split(",").map((field) => {
    const [type, name] = field.trim().split(" ");
    return { type, name };
  });

export const types = {
  Allowance: fields("address payee,uint128 limit,uint128 periodLimit,uint32 period"),
  Session: fields(
    "address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay," +
      "Allowance[] allowances,bytes32 salt",
  ),
  SessionGrant: fields("Session session,address key"),
  Voucher: fields("bytes32 sessionId,address payee,uint128 maxClaimable"),
  Freeze: fields("bytes32 sessionId,uint256 nonce,uint256 deadline"),
  Unfreeze: fields("bytes32 sessionId,uint256 nonce,uint256 deadline"),
  Revoke: fields("bytes32 sessionId,uint256 nonce,uint256 deadline"),
  RotateKey: fields("bytes32 sessionId,address key,uint256 nonce,uint256 deadline"),
  RequestWithdraw: fields("bytes32 sessionId,address payee,uint128 amount,uint256 nonce,uint256 deadline"),
  ReceiveWithAuthorization: fields(
    "address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce",
  ),
};

// Everything that looks random is the hash of a name; so are the private keys, which nobody may use.
const made = (name) => keccak256(stringToHex(`tollbook test vector: ${name}`));
const madeAddress = (name) => getAddress(slice(made(name), 0, 20));
const highestAddress = (below) => getAddress(numberToHex(2n ** 160n - 1n - below, { size: 20 }));

const accounts = Object.fromEntries(
  ["owner", "session key", "rotated key", "stranger"].map((name) => [name, privateKeyToAccount(made(name))]),
);
const owner = accounts.owner;
const sessionKey = accounts["session key"];

const contract = madeAddress("contract");
const otherContract = madeAddress("another contract");
const token = madeAddress("token");
const payees = ["first", "second", "third"].map((name) => madeAddress(`${name} payee`));

export const contractDomain = (chainId, verifyingContract) => ({
  name: "SessionKeyValidator",
  version: "1",
  chainId,
  verifyingContract,
});
export const tokenDomain = (chainId, verifyingContract) => ({
  name: "USD Coin",
  version: "2",
  chainId,
  verifyingContract,
});

const digestOf = (domain, primaryType, message) => hashTypedData({ domain, types, primaryType, message });

const separatorOf = (domain) =>
  hashDomain({
    domain,
    types: {
      EIP712Domain: fields("string name,string version,uint256 chainId,address verifyingContract"),
    },
  });

export const depositNonce = ({ sessionId, key, payee, amount, index }) =>
  keccak256(
    encodeAbiParameters(fields("bytes32 sessionId,address key,address payee,uint128 amount,uint256 index"), [
      sessionId,
      key,
      payee,
      BigInt(amount),
      BigInt(index),
    ]),
  );

// --- signatures

async function sign(account, digest) {
  return forms(parseSignature(await account.sign({ hash: digest })));
}

// Both forms of one signature: 65 bytes (r, s, v of 27 or 28), and ERC-2098 (r, vs).
function forms({ r, s, yParity }) {
  const compact = signatureToCompactSignature({ r, s, yParity });
  return {
    signature: concat([r, s, yParity ? "0x1c" : "0x1b"]),
    r,
    vs: compact.yParityAndS,
  };
}

const twin = ({ r, s, yParity }) => ({
  r,
  s: numberToHex(CURVE_ORDER - hexToBigInt(s), { size: 32 }),
  yParity: 1 - yParity,
});

const orZero = (address) => address.catch(() => zeroAddress);

// Whom an unwary checker would take for the signer, by either form; zero where there is none.
export async function recovered(digest, { signature, r, vs }) {
  const s = numberToHex(hexToBigInt(vs) & (2n ** 255n - 1n), { size: 32 });
  const yParity = Number(hexToBigInt(vs) >> 255n);
  return {
    recovered: await orZero(recoverAddress({ hash: digest, signature })),
    recoveredCompact: await orZero(recoverAddress({ hash: digest, signature: { r, s, yParity } })),
  };
}

// --- sessions

const allowance = (payee, limit, periodLimit, period) => ({
  payee,
  limit: String(limit),
  periodLimit: String(periodLimit),
  period: Number(period),
});

const shapes = {
  "one allowance": {
    owner: owner.address,
    token,
    validAfter: 1_780_000_000,
    validUntil: 1_782_592_000,
    settleGrace: 3_600,
    withdrawDelay: 86_400,
    allowances: [allowance(payees[0], 25_000_000, 0, 0)],
    salt: zeroHash,
  },
  "three allowances": {
    owner: owner.address,
    token,
    validAfter: 0,
    validUntil: 4_102_444_800,
    settleGrace: 86_400,
    withdrawDelay: 900,
    allowances: [
      allowance(payees[0], 1_000_000_000, 50_000_000, 86_400),
      allowance(payees[1], 1, 1, 1),
      allowance(payees[2], 123_456_789_012_345n, 0, 3_600),
    ],
    salt: made("salt"),
  },
  // The contract refuses to register it; its hash is as good as any.
  "maximum values": {
    owner: owner.address,
    token: highestAddress(0n),
    validAfter: Number(maxUint48),
    validUntil: Number(maxUint48),
    settleGrace: Number(maxUint32),
    withdrawDelay: Number(maxUint32),
    allowances: Array.from({ length: 16 }, (_, i) =>
      allowance(highestAddress(BigInt(i)), maxUint128, maxUint128, maxUint32),
    ),
    salt: numberToHex(maxUint256, { size: 32 }),
  },
};

const sessions = CHAINS.flatMap((chainId) =>
  Object.entries(shapes).map(([name, session]) => ({
    name,
    chainId,
    verifyingContract: contract,
    session,
    sessionId: digestOf(contractDomain(chainId, contract), "Session", session),
  })),
);

// What every vector of a session repeats, so that it can be read alone.
const of = (sessionIndex) => {
  const { chainId, verifyingContract, sessionId } = sessions[sessionIndex];
  return { sessionIndex, chainId, verifyingContract, sessionId };
};

async function grants() {
  return Promise.all(
    sessions.map(async ({ chainId, verifyingContract, session }, i) => {
      const domain = contractDomain(chainId, verifyingContract);
      const digest = digestOf(domain, "SessionGrant", { session, key: sessionKey.address });
      return { ...of(i), key: sessionKey.address, digest, signer: owner.address, ...(await sign(owner, digest)) };
    }),
  );
}

// --- vouchers

const unsigned = (name, sessionIndex, payee, maxClaimable) => {
  const voucher = { ...of(sessionIndex), payee, maxClaimable: String(maxClaimable) };
  const domain = contractDomain(voucher.chainId, voucher.verifyingContract);
  return { name, ...voucher, digest: digestOf(domain, "Voucher", voucher) };
};

// A signature whose s is high and nevertheless fits in the 255 bits of the compact form: s is chosen, and
// the key is whoever it recovers to. Only such a one shows whether (r, vs) is checked for a high s.
async function chosenS(digest) {
  const { r } = parseSignature(await sessionKey.sign({ hash: digest }));
  const high = { r, s: numberToHex(CURVE_ORDER / 2n + 1n, { size: 32 }), yParity: 0 };
  return { high, low: twin(high), key: await recoverAddress({ hash: digest, signature: high }) };
}

async function vouchers() {
  const plain = sessions.flatMap(({ name, session }, i) => {
    const [first, last] = [session.allowances.at(0).payee, session.allowances.at(-1).payee];
    return [
      unsigned(`${name}: some`, i, first, 1_234_567),
      unsigned(`${name}: nothing`, i, last, 0),
      unsigned(`${name}: everything`, i, last, maxUint128),
    ];
  });
  const signed = await Promise.all(
    plain.map(async (v) => ({ ...v, key: sessionKey.address, ...(await sign(sessionKey, v.digest)) })),
  );
  const rotated = unsigned("by the rotated key", 0, payees[0], 2_000_000);
  const chosen = unsigned("the highest low s", 0, payees[0], 3_000_000);
  const { low, key } = await chosenS(chosen.digest);
  return [
    ...signed,
    { ...rotated, key: accounts["rotated key"].address, ...(await sign(accounts["rotated key"], rotated.digest)) },
    { ...chosen, key, ...forms(low) },
  ];
}

async function rejectedVouchers() {
  const base = unsigned("", 0, payees[0], 1_234_567);
  const domain = contractDomain(base.chainId, base.verifyingContract);
  const good = parseSignature(await sessionKey.sign({ hash: base.digest }));
  const chosen = unsigned("", 0, payees[0], 3_000_000);
  const { high, key } = await chosenS(chosen.digest);
  const zero = { r: zeroHash, s: zeroHash, yParity: 0 };
  const signed = (domain, changed) => sign(sessionKey, digestOf(domain, "Voucher", { ...base, ...changed }));

  const cases = [
    ["high s", "the twin of a good signature; its 65 bytes recover to the key", forms(twin(good))],
    ["high s in 255 bits", "a high s that (r, vs) can hold; both forms recover to the key", forms(high), chosen, key],
    ["other key", "signed by a stranger", await sign(accounts.stranger, base.digest)],
    ["other payee", "signed for another payee", await signed(domain, { payee: payees[1] })],
    ["other amount", "signed for one atomic unit less", await signed(domain, { maxClaimable: "1234566" })],
    ["other session", "signed for another session of the same owner", await signed(domain, of(1))],
    ["other chain", "signed for another chain", await signed(contractDomain(8453, contract), {})],
    ["other contract", "signed for another contract", await signed(contractDomain(31337, otherContract), {})],
    [
      "signed as a message",
      "signed with the prefix of eth_sign",
      forms(parseSignature(await sessionKey.signMessage({ message: { raw: base.digest } }))),
    ],
    ["other parity", "a good signature with the other v", forms({ ...good, yParity: 1 - good.yParity })],
    ["zeros", "ecrecover gives the zero address, which an unset key must not match", forms(zero)],
    ["zeros for no key", "the same where no key is set", forms(zero), base, zeroAddress],
    ["r is the curve's order", "no such r", forms({ ...good, r: numberToHex(CURVE_ORDER, { size: 32 }) })],
  ];
  return Promise.all(
    cases.map(async ([name, why, signature, voucher = base, key = sessionKey.address]) => ({
      ...voucher,
      name,
      why,
      key,
      ...signature,
      ...(await recovered(voucher.digest, signature)),
    })),
  );
}

// --- what else an owner signs

const someNonces = [
  ["0", "1780003600"],
  ["7", "1780003600"],
  [String(maxUint256), String(maxUint256)],
];

async function ownerSigned(primaryType, messages) {
  return Promise.all(
    messages.map(async (message) => {
      const domain = contractDomain(message.chainId, message.verifyingContract);
      const digest = digestOf(domain, primaryType, message);
      return { type: primaryType, ...message, digest, signer: owner.address, ...(await sign(owner, digest)) };
    }),
  );
}

// The first two sessions of either chain, with every nonce.
const actions = (more) =>
  sessions.flatMap(({ name }, i) => {
    const nonces = name === "maximum values" ? [] : someNonces;
    return nonces.map(([nonce, deadline], n) => ({ ...of(i), ...more(i, n), nonce, deadline }));
  });

const withdrawal = (i, n) => ({
  payee: sessions[i].session.allowances.at(-1).payee,
  amount: String([1n, 5_000_000n, maxUint128][n]),
});

// --- deposits

async function authorizations() {
  const deposits = sessions.flatMap(({ session: { allowances } }, i) => {
    const [first, last] = [allowances.at(0).payee, allowances.at(-1).payee];
    return [
      { ...of(i), key: sessionKey.address, payee: first, amount: "10000000", index: "0" },
      { ...of(i), key: zeroAddress, payee: first, amount: "10000000", index: "1" },
      { ...of(i), key: zeroAddress, payee: last, amount: String(maxUint128), index: String(maxUint256) },
    ];
  });
  return Promise.all(
    deposits.map(async (deposit, n) => {
      const authorization = {
        token: sessions[deposit.sessionIndex].session.token,
        from: owner.address,
        to: deposit.verifyingContract,
        value: deposit.amount,
        validAfter: n % 3 === 2 ? String(maxUint256) : "0",
        validBefore: n % 3 === 2 ? String(maxUint256) : "1780003600",
        nonce: depositNonce(deposit),
      };
      const domain = tokenDomain(deposit.chainId, authorization.token);
      const digest = digestOf(domain, "ReceiveWithAuthorization", authorization);
      return { ...deposit, ...authorization, digest, signer: owner.address, ...(await sign(owner, digest)) };
    }),
  );
}

// --- evidence

const hashed = (prefix, list, values) => keccak256(concat([prefix, encodeAbiParameters(fields(list), values)]));

export const chargeLeaf = ({ sessionId, chargeId, amount, cumulative }) =>
  hashed("0x00", "bytes32 sessionId,bytes16 chargeId,uint256 amount,uint256 cumulative", [
    sessionId,
    chargeId,
    BigInt(amount),
    BigInt(cumulative),
  ]);

export const headLeaf = ({ logId, partition, position, chain }) =>
  hashed("0x02", "bytes16 logId,uint32 partition,uint64 position,bytes32 chain", [
    logId,
    partition,
    BigInt(position),
    chain,
  ]);

export function merkleRoot(leaves) {
  if (leaves.length === 1) return leaves[0];
  const above = [];
  for (let i = 0; i < leaves.length; i += 2) {
    above.push(i + 1 < leaves.length ? keccak256(concat(["0x01", leaves[i], leaves[i + 1]])) : leaves[i]);
  }
  return merkleRoot(above);
}

function evidence() {
  // In 10^-12 USDC. The last brings its session's total to 10^15 USDC, the most that the ledger counts.
  const most = 10n ** 27n;
  const amounts = [1n, 999_999n, 1_000_000n, 123_456_789_012n, 25_000_000_000_000n, 0n, most - 25_000_001_000_001n];
  const totals = {};
  const charges = amounts.map((amount, i) => {
    const { sessionId } = sessions[i % 2];
    totals[sessionId] = (totals[sessionId] ?? 0n) + amount;
    const charge = {
      sessionId,
      chargeId: slice(made(`charge ${i}`), 0, 16),
      amount: String(amount),
      cumulative: String(totals[sessionId]),
    };
    return { ...charge, leaf: chargeLeaf(charge) };
  });
  const head = {
    logId: slice(made("log"), 0, 16),
    partition: 3,
    position: "9223372036854775807",
    chain: made("head"),
  };
  head.leaf = headLeaf(head);
  const trees = [1, 2, 3, 5, 8].map((leafCount) => {
    const leaves = [...charges.slice(0, leafCount - 1).map(({ leaf }) => leaf), head.leaf];
    return { leafCount, leaves, root: merkleRoot(leaves) };
  });
  return { charges, head, trees };
}

// --- the file

const encodeType = (name) => {
  const own = (name) => `${name}(${types[name].map((field) => `${field.type} ${field.name}`).join(",")})`;
  const used = (name) =>
    types[name].flatMap(({ type }) => {
      const inner = type.replace("[]", "");
      return types[inner] ? [inner, ...used(inner)] : [];
    });
  return [own(name), ...[...new Set(used(name))].sort().map(own)].join("");
};

export async function make() {
  const withoutMore = (type) => ownerSigned(type, actions(() => ({})));
  const domains = CHAINS.flatMap((chainId) => [contractDomain(chainId, contract), tokenDomain(chainId, token)]);
  return {
    about: "Written by make.mjs; README.md says what it is. The private keys are for tests only.",
    keys: Object.entries(accounts).map(([name, { address }]) => ({ name, privateKey: made(name), address })),
    domains: domains.map((domain) => ({ ...domain, separator: separatorOf(domain) })),
    types: Object.keys(types).map((name) => {
      const encoded = encodeType(name);
      return { name, encodeType: encoded, typeHash: keccak256(stringToHex(encoded)) };
    }),
    sessions,
    grants: await grants(),
    vouchers: await vouchers(),
    rejectedVouchers: await rejectedVouchers(),
    actions: (await Promise.all(["Freeze", "Unfreeze", "Revoke"].map(withoutMore))).flat(),
    rotations: await ownerSigned("RotateKey", actions(() => ({ key: accounts["rotated key"].address }))),
    withdrawals: await ownerSigned("RequestWithdraw", actions(withdrawal)),
    authorizations: await authorizations(),
    evidence: evidence(),
  };
}

export const file = fileURLToPath(new URL("vouchers.json", import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(file, `${JSON.stringify(await make(), null, 2)}\n`);
}
