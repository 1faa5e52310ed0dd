// Amounts without floats. The ledger speaks decimal strings with up to 12 decimals, the chain whole atomic units
// (6 decimals for USDC). Here both are bigints: `exact` counts 10⁻¹² of a unit, `atomic` counts the token's units.

/** Decimals of an exact amount: those of the ledger. */
export const EXACT_DECIMALS = 12;

/** Decimals of USDC. */
export const USDC_DECIMALS = 6;

const DECIMAL = /^(0|[1-9][0-9]{0,29})(?:\.([0-9]{1,12}))?$/;
const DIGITS = /^(0|[1-9][0-9]{0,38})$/;

/** The largest amount that a voucher can say: uint128. */
export const ATOMIC_MAX = 2n ** 128n - 1n;

/** Reads a decimal string, for example `"0.0015"`, as 10⁻¹² units. Throws when it is none. */
export function exactOf(decimal: string): bigint {
  const parts = DECIMAL.exec(decimal);
  if (!parts) throw new RangeError(`not an amount: ${JSON.stringify(decimal)}`);
  return BigInt(parts[1] + (parts[2] ?? "").padEnd(EXACT_DECIMALS, "0"));
}

/** Writes 10⁻¹² units as a decimal string, without trailing zeros. */
export function decimalOf(exact: bigint): string {
  if (exact < 0n) return `-${decimalOf(-exact)}`;
  const digits = exact.toString().padStart(EXACT_DECIMALS + 1, "0");
  const whole = digits.slice(0, -EXACT_DECIMALS);
  const fraction = digits.slice(-EXACT_DECIMALS).replace(/0+$/, "");
  return fraction ? `${whole}.${fraction}` : whole;
}

const step = (decimals: number) => 10n ** BigInt(EXACT_DECIMALS - decimals);

/** An exact amount in atomic units, rounded up: what must be paid. */
export function atomicUp(exact: bigint, decimals: number = USDC_DECIMALS): bigint {
  const one = step(decimals);
  return (exact + one - 1n) / one;
}

/** An exact amount in atomic units, rounded down: what can be spent. */
export function atomicDown(exact: bigint, decimals: number = USDC_DECIMALS): bigint {
  return exact / step(decimals);
}

/** Atomic units as an exact amount. */
export function exactOfAtomic(atomic: bigint, decimals: number = USDC_DECIMALS): bigint {
  return atomic * step(decimals);
}

/** A decimal string in atomic units. Throws when it has more decimals than the token. */
export function atomicOf(decimal: string, decimals: number = USDC_DECIMALS): bigint {
  const exact = exactOf(decimal);
  const atomic = atomicDown(exact, decimals);
  if (exactOfAtomic(atomic, decimals) !== exact) {
    throw new RangeError(`${decimal} has more than ${decimals} decimals`);
  }
  return atomic;
}

/** Reads digits, as x402 writes amounts. Gives `undefined` for everything else. */
export function digits(text: unknown): bigint | undefined {
  if (typeof text !== "string" || !DIGITS.test(text)) return undefined;
  const value = BigInt(text);
  return value <= ATOMIC_MAX ? value : undefined;
}
