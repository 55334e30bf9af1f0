import { equal, ok } from "node:assert/strict";
import { checkFunction } from "../../lib/ir/check.ts";
import type { Instruction } from "../../lib/isa/instruction.ts";
import { alu, branch, call, exit, goto, lift, mov, store } from "./support.ts";

/** A straight line. */
function straight(count: number): Instruction[] {
  const insns: Instruction[] = [mov(0, 0)];
  for (let i = 0; insns.length < count - 1; i++) {
    insns.push(i % 3 === 2 ? store(8, 10, -8 * (i % 64 + 1), "r0") : alu("add", 0, i % 1000));
  }
  return [...insns, exit()];
}

/** Diamonds one after the other, which change a register each. */
function branchy(count: number): Instruction[] {
  const insns: Instruction[] = [mov(0, 0), mov(6, "r1")];
  for (let i = 0; insns.length < count - 4; i++) {
    insns.push(branch("gt", 0, i % 100, 2), alu("add", 0, "r6"), goto(1), alu("xor", 0, i % 100));
  }
  return [...insns, exit()];
}

/** Blocks that a jump connects, the last of which jumps back to the second. */
function chained(blocks: number): Instruction[] {
  const insns: Instruction[] = [mov(0, 0)];
  for (let i = 0; i < blocks; i++) insns.push(alu("add", 0, "r1"), goto(0));
  insns.push(branch("eq", 0, 0, 2), mov(1, "r0"), alu("add", 1, 1), exit());
  return insns;
}

/** Every block branches to the end: one join with as many predecessors as there are blocks. */
function fan(count: number): Instruction[] {
  const insns: Instruction[] = [mov(0, 0)];
  while (insns.length < 2 * Math.min(count, 16000)) {
    insns.push(alu("add", 0, 1), branch("eq", 1, 5, 2 * Math.min(count, 16000) - insns.length));
  }
  return [...insns, alu("add", 0, 1), exit()];
}

/** Nested loops, each with a counter on the stack so that every register is live throughout. */
function nested(depth: number): Instruction[] {
  const insns: Instruction[] = [mov(0, 0), mov(6, "r1"), mov(7, 1), mov(8, 2), mov(9, 3)];
  for (let i = 0; i < depth; i++) insns.push(alu("add", 0, "r6"));
  for (let i = 0; i < depth; i++) insns.push(branch("lt", 0, "r7", -2 - 2 * i));
  return [...insns, alu("add", 0, "r8"), alu("add", 0, "r9"), exit()];
}

/** Best of several runs, in milliseconds. */
function timed(insns: Instruction[]): number {
  let best = Infinity;
  for (let run = 0; run < 5; run++) {
    const start = performance.now();
    lift(insns);
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

for (
  const [name, make, size] of [
    ["200,000 instructions in a straight line", straight, 200_000],
    ["100,000 instructions of diamonds", branchy, 100_000],
    ["120,000 blocks in a chain", chained, 120_000],
    ["a join of 16,000 edges", fan, 16_000],
    ["16,000 nested loops", nested, 16_000],
  ] as const
) {
  Deno.test(`${name} lift in linear time`, () => {
    const insns = make(size);
    equal(checkFunction(lift(insns)).length, 0);
    const half = timed(make(size / 2)), whole = timed(insns);
    console.log(`${name}: ${whole.toFixed(0)} ms, ${(whole / half).toFixed(2)} times the half`);
    ok(whole < 4 * half + 50, `${whole} ms against ${half} ms for the half`);
  });
}

Deno.test("calls of many functions need one look at each callee", () => {
  // f0 calls f1, f1 calls f2, …; every function passes r1 to r5 through.
  const count = 20_000;
  const insns: Instruction[] = [];
  const starts: number[] = [];
  for (let i = 0; i < count; i++) {
    starts.push(insns.length);
    insns.push(i + 1 < count ? call(1, "local") : mov(0, "r4"), exit());
  }
  equal(lift(insns, { starts }).entry.insns[0].args.length, 4);
});
