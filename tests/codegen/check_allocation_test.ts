import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
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

/** Processor time in milliseconds of a compilation with few registers that is checked. */
function checkTime(text: string): number {
  const program = loadProgram(encode(assemble(text).insns), { from: "raw" });
  const used = cpuUsage();
  const { functions } = compileProgram(program, { registers: 0b111, check: true });
  const { user, system } = cpuUsage(used);
  assert.equal(functions[0].reason, undefined);
  return (user + system) / 1000;
}

Deno.test("the allocation of many diamonds is checked in little time", () => {
  assert.ok(checkTime(diamonds(600)) < 3000);
});

Deno.test("the allocation of many copies of copies is checked in little time", () => {
  const copies = "r2 = r1\nr1 = r2\n".repeat(10_000);
  assert.ok(checkTime(`r1 = 0x5\n${copies}r0 = r1\nexit\n`) < 3000);
});
