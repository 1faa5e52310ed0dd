// What a client should remember of its vouchers. Losing it costs one more round trip, not money: the server then shows
// the client's own last voucher, and the client checks its own signature on it.
//
// It goes by session and payee, not by key: a key that took the place of another one has no last voucher that could be
// shown, and begins with what is remembered here, or with `startAt`.

/** What is remembered of one session and payee. Atomic units, as digits. */
export interface Remembered {
  /** The highest voucher that was signed, with whichever key: at most so much can have been spent. */
  signed: string;
  /** What was charged, as far as this client knows. */
  charged: string;
}

/** Where it is remembered. One store may serve many sessions, but only one process at a time. */
export interface VoucherStore {
  get(key: string): Promise<Remembered | undefined> | Remembered | undefined;
  set(key: string, value: Remembered): Promise<void> | void;
}

/** Remembers until the process ends. */
export function memoryStore(): VoucherStore {
  const all = new Map<string, Remembered>();
  return {
    get: (key) => all.get(key),
    set: (key, value) => {
      all.set(key, value);
    },
  };
}
