import assert from "node:assert/strict";
import { compileProgram } from "../../lib/compile.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import { loadProgram } from "../../lib/object/load.ts";

/** Diamonds one after the other, each with a call on one side, and more values than registers. */
function diamonds(count: number): string {
  const lines = ["r6 = r1", "r7 = 0x0", "r8 = 0x0", "r9 = 0x1"];
  for (let i = 0; i < count; i++) {
    lines.push(`r2 = *(u32 *)(r6 + ${4 * i})`, `if r2 == ${i} goto side${i}`);
    lines.push("r8 += r2", "r1 = r8", "call 5", "r9 ^= r0", `goto join${i}`);
    lines.push(`side${i}:`, "r7 ^= r8", `join${i}:`, `if r9 == ${i} goto out`);
  }
  return [...lines, "out:", "r0 = r7", "r0 += r8", "r0 += r9", "exit", ""].join("\n");
}

Deno.test("the allocation of many diamonds is checked in little time", () => {
  const program = loadProgram(encode(assemble(diamonds(600)).insns), { from: "raw" });
  compileProgram(program, { registers: 0b111 });
  const start = performance.now();
  const { functions } = compileProgram(program, { registers: 0b111, check: true });
  const elapsed = performance.now() - start;
  assert.equal(functions[0].reason, undefined);
  assert.ok(elapsed < 2000, `${elapsed} ms`);
});
