import assert from "node:assert/strict";
import { test } from "node:test";
import {
  atomicDown,
  atomicOf,
  atomicUp,
  decimalOf,
  decode,
  digits,
  encode,
  exactOf,
  paymentRequiredOf,
  receiptOf,
  stateOf,
} from "@tollbook/sdk";

test("decimal strings are read and written exactly", () => {
  for (const text of ["0", "1", "0.000000000001", "12.5", "999999999999999.999999999999"]) {
    assert.equal(decimalOf(exactOf(text)), text);
  }
  assert.equal(decimalOf(exactOf("1.50")), "1.5");
  assert.equal(decimalOf(-exactOf("0.25")), "-0.25");
  for (const text of ["", "1.", ".5", "-1", "1e3", "01", "0x1", "1,5", " 1", "1.0000000000001", "NaN"]) {
    assert.throws(() => exactOf(text), RangeError, text);
  }
});

test("the chain's units round the way that is safe", () => {
  assert.equal(atomicUp(exactOf("0.0000001")), 1n);
  assert.equal(atomicDown(exactOf("0.0000009")), 0n);
  assert.equal(atomicUp(exactOf("1.5")), 1_500_000n);
  assert.equal(atomicOf("0.000001"), 1n);
  assert.throws(() => atomicOf("0.0000001"), RangeError);
  assert.equal(digits("340282366920938463463374607431768211455"), 2n ** 128n - 1n);
  for (const text of ["340282366920938463463374607431768211456", "-1", "1.0", "", "0x1", 1, null, "007"]) {
    assert.equal(digits(text), undefined);
  }
});

test("headers are base64 of JSON, and anything else is nothing", () => {
  assert.deepEqual(decode(encode({ a: "ü€😀" })), { a: "ü€😀" });
  for (const header of ["", "%%%", "abc", "bm90IGpzb24=", "_-_-"]) assert.equal(decode(header), undefined, header);
  assert.equal(paymentRequiredOf(null), undefined);
  assert.equal(paymentRequiredOf(encode({ x402Version: 1, accepts: [] })), undefined);
  assert.equal(paymentRequiredOf(encode([])), undefined);
  const some = paymentRequiredOf(
    encode({
      x402Version: 2,
      accepts: [
        null,
        7,
        { scheme: "session" },
        { scheme: "exact", network: "eip155:1", amount: "1.5", asset: "", payTo: "" },
      ],
    }),
  );
  assert.deepEqual(some?.accepts, []);
  assert.equal(stateOf({ state: { charged: "1", held: "0", required: "x", sessionId: "0x12" } }), undefined);
  assert.equal(receiptOf(encode({ success: "yes" })), undefined);
});
