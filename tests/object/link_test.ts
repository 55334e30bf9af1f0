/**
 * Linking functions into a stream.
 *
 * @module
 */

import assert from "node:assert/strict";
import { encode } from "../../lib/isa/codec.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { linkFunction } from "../../lib/object/link.ts";
import { loadProgram } from "../../lib/object/load.ts";

/** Returns at once. */
const RETURN = "r0 = 0\nexit\n";

const stream = (text: string) => loadProgram(encode(assemble(text).insns), { from: "raw" });

Deno.test("functions follow the first that refers to them, each with its own behind it", () => {
  // main calls a and b, a calls c and b, c calls a.
  const program = stream(
    `call a\ncall b\n${RETURN}b:\n${RETURN}a:\ncall c\ncall b\n${RETURN}c:\ncall a\n${RETURN}`,
  );
  const [main, b, a, c] = program.functions;
  const { starts, insns } = linkFunction(program, main);
  assert.deepEqual([...starts.values()], [main, a, c, b]);
  assert.deepEqual([...starts.keys()], [0, 4, 8, 11]);
  const calls = insns.filter(({ op }) => op.kind === "call").map(({ imm }) => imm);
  assert.deepEqual(calls, [3, 9, 3, 5, -5]);
});

Deno.test("chains of calls may be long", () => {
  const count = 20_000;
  const text = Array.from({ length: count }, (_, i) => `f${i}:\ncall f${i + 1}\n${RETURN}`).join(
    "",
  );
  const program = stream(`${text}f${count}:\n${RETURN}`);
  const { starts } = linkFunction(program, program.functions[0]);
  assert.equal(starts.size, count + 1);
});
