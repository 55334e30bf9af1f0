import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { decode, encode } from "../../lib/isa/codec.ts";
import { Instruction, invalidInstruction } from "../../lib/isa/instruction.ts";
import { findOp, OPS } from "../../lib/isa/ops.ts";
import { DecodeError } from "../../lib/errors.ts";
import { decodedBytes, instructionsOf, SEED } from "./generators.ts";

const ORDERS = ["little", "big"] as const;

Deno.test("decode undoes encode for every row, in both byte orders", () => {
  for (const op of OPS) {
    fc.assert(
      fc.property(instructionsOf(op), (insn) => {
        for (const order of ORDERS) deepEqual(decode(encode([insn], order), order), [insn]);
      }),
      { numRuns: 30, seed: SEED },
    );
  }
});

Deno.test("encode undoes decode for any bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 0, maxLength: 64 }), (bytes) => {
      const whole = bytes.subarray(0, bytes.length & ~7);
      for (const order of ORDERS) deepEqual(encode(decode(whole, order), order), whole.slice());
    }),
    { numRuns: 2000, seed: SEED },
  );
});

Deno.test("undefined encodings are kept", () => {
  const undefinedOnes = [
    invalidInstruction(0xff, 1, 2, 3, 4),
    invalidInstruction(0xb7, 11, 0, 0, 0), // no register 11
    invalidInstruction(0xb7, 1, 2, 0, 0), // src is reserved
    invalidInstruction(0x95, 0, 0, 1, 0), // off is reserved
    invalidInstruction(0x18, 1, 0, 0, 5), // half an lddw
  ];
  const decoded = decode(encode(undefinedOnes));
  deepEqual(decoded, undefinedOnes);
  ok(decoded.every((insn) => insn.op.kind === "invalid"));
});

Deno.test("half an lddw is invalid at the end and before a slot that is not its second", () => {
  const half = [0x18, 1, 0, 0, 5, 0, 0, 0];
  const exit = [0x95, 0, 0, 0, 0, 0, 0, 0];
  deepEqual(decode(Uint8Array.from([...half, ...exit])).map((i) => i.op.kind), ["invalid", "exit"]);
  deepEqual(decode(Uint8Array.from([...exit, ...half])).map((i) => i.op.kind), ["exit", "invalid"]);
});

Deno.test("the fields have their places in both byte orders", () => {
  const insn = new Instruction(findOp({ kind: "store", size: 8, form: "reg" }), 10, 1, -8);
  deepEqual([...encode([insn], "little")], [0x7b, 0x1a, 0xf8, 0xff, 0, 0, 0, 0]);
  deepEqual([...encode([insn], "big")], [0x7b, 0xa1, 0xff, 0xf8, 0, 0, 0, 0]);
});

Deno.test("a length that is not a multiple of 8 is an error", () => {
  try {
    decode(new Uint8Array(9));
  } catch (error) {
    ok(error instanceof DecodeError);
    equal(error.message, "cannot decode instructions: 9 bytes are not a multiple of 8");
    return;
  }
  ok(false, "no error");
});

Deno.test("any bytes decode to rows whose encoding is the same", () => {
  fc.assert(
    fc.property(decodedBytes, (insn) => deepEqual(decode(encode([insn])), [insn])),
    { numRuns: 2000, seed: SEED },
  );
});
