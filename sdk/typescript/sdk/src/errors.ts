/** Why a request was not paid for, though the server asked for it. Nothing was signed above your limits. */
export class PaymentError extends Error {
  override readonly name = "PaymentError";

  constructor(
    /**
     * `no_session`: no session fits any offer. `amount_above_limit`: the offer is above `maxAmountPerRequest`.
     * `state_not_trusted`: the server wants a voucher above what this client can have spent; or, with a key that took
     * the place of another one, above what it knows of: see `startAt` of the session, and `store`.
     */
    readonly code: "no_session" | "amount_above_limit" | "state_not_trusted",
    message: string,
  ) {
    super(message);
  }
}

/** What Tollbook answered instead of doing it: a problem (RFC 9457). */
export class TollbookError extends Error {
  override readonly name = "TollbookError";

  constructor(
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** For programs, for example `insufficient_funds`. */
    readonly code: string,
    message: string,
    /** Everything that the problem says. */
    readonly problem: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
