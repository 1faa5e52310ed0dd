// Express middleware: only paid requests reach the handler.

export type { ChainFacts } from "./chain.js";
export type { Answered, PaidOptions, Scheme } from "./options.js";
export { paid } from "./paid.js";
