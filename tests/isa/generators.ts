/**
 * Random instructions for property tests.
 *
 * @module
 */

import fc from "fast-check";
import { decode } from "../../lib/isa/codec.ts";
import { Instruction } from "../../lib/isa/instruction.ts";
import { FIELD, type Op } from "../../lib/isa/ops.ts";

const word = fc.oneof(
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
  fc.constantFrom(0, 1, -1, -0x8000_0000, 0x7fff_ffff),
);
const half = fc.oneof(
  fc.integer({ min: -0x8000, max: 0x7fff }),
  fc.constantFrom(0, 1, -1, -0x8000, 0x7fff),
);
const register = fc.integer({ min: 0, max: 10 });

/**
 * Instructions of one row of the table, with any operands.
 *
 * @param op The row.
 * @returns The generator.
 */
export function instructionsOf(op: Op): fc.Arbitrary<Instruction> {
  const has = (field: number) => (op.fields & field) !== 0;
  return fc.tuple(
    has(FIELD.dst) ? register : fc.constant(0),
    has(FIELD.src) ? register : fc.constant(0),
    has(FIELD.off) ? half : fc.constant(0),
    has(FIELD.imm) ? word : fc.constant(0),
    op.kind === "lddw" ? word : fc.constant(0),
  ).map((fields) => new Instruction(op, ...fields));
}

/** Any 8 bytes, decoded: mostly undefined encodings, and halves of `lddw`. */
export const decodedBytes: fc.Arbitrary<Instruction> = fc.oneof(
  fc.uint8Array({ minLength: 8, maxLength: 8 }),
  fc.tuple(fc.integer({ min: 0, max: 255 }), word).map(([code, imm]) => {
    const bytes = new Uint8Array(8);
    bytes[0] = code;
    new DataView(bytes.buffer).setInt32(4, imm, true);
    return bytes;
  }),
).map((bytes) => decode(bytes)[0]);

/** The seed of property tests: `EPASS_SEED`, or a random one. fast-check prints it when a property fails. */
export const SEED: number = Number(Deno.env.get("EPASS_SEED") ?? Date.now() & 0x7fff_ffff);
