import { equal, ok } from "node:assert/strict";
import { checkFunction } from "../../lib/ir/check.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import type { Instruction } from "../../lib/isa/instruction.ts";
import { lift } from "./support.ts";

/** The instructions of repeated assembly, between a start and an end. */
function repeated(start: string, count: number, body: (i: number) => string, end: string) {
  const parts = Array.from({ length: count }, (_, i) => body(i));
  return assemble([start, ...parts, end].join("\n")).insns;
}

function straight(count: number): readonly Instruction[] {
  const body = (i: number) =>
    i % 3 === 2 ? `*(u64 *)(r10 - ${8 * (i % 64 + 1)}) = r0` : `r0 += ${i % 1000}`;
  return repeated("r0 = 0", count, body, "exit");
}

/** Diamonds in a row; each changes a register. */
function diamonds(count: number): readonly Instruction[] {
  const body = (i: number) => `if r0 > ${i % 100} goto +2\nr0 += r6\ngoto +1\nr0 ^= ${i % 100}`;
  return repeated("r0 = 0\nr6 = r1", count / 4, body, "exit");
}

/** Blocks that jumps connect. */
function chain(blocks: number): readonly Instruction[] {
  return repeated("r0 = 0", blocks, () => "r0 += r1\ngoto +0", "exit");
}

/** Blocks that all branch to the last one, which has as many predecessors. */
function fan(blocks: number): readonly Instruction[] {
  const body = (i: number) => `r0 += 1\nif r1 == 5 goto +${2 * (blocks - i) - 2}`;
  return repeated("r0 = 0", blocks, body, "r0 += 1\nexit");
}

/** Nested loops through which registers live that only what follows them reads. */
function nested(depth: number): readonly Instruction[] {
  const body = (i: number) => i < depth ? "r0 += r6" : `if r0 < r7 goto -${2 + 2 * (i - depth)}`;
  const start = "r0 = 0\nr6 = r1\nr7 = 1\nr8 = 2\nr9 = 3";
  return repeated(start, 2 * depth, body, "r0 += r8\nr0 += r9\nexit");
}

/** The best time of several runs, in milliseconds. */
function timed(insns: readonly Instruction[]): number {
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
    ["100,000 instructions of diamonds", diamonds, 100_000],
    ["120,000 blocks in a chain", chain, 120_000],
    ["a join of 16,000 edges", fan, 16_000],
    ["16,000 nested loops", nested, 16_000],
  ] as const
) {
  // The bound is far below quadratic (4) and above the noise of a loaded machine; benchmarks say more.
  Deno.test(`${name} lift in linear time`, () => {
    const insns = make(size);
    equal(checkFunction(lift(insns)).length, 0);
    const half = timed(make(size / 2)), whole = timed(insns);
    const ratio = `${whole.toFixed(0)} ms, ${(whole / half).toFixed(2)} times the half`;
    console.log(`${name}: ${ratio}`);
    ok(whole < 3.4 * half + 100, ratio);
  });
}

Deno.test("20,000 functions that call each other in a row need one look at each", () => {
  const count = 20_000;
  const starts = Array.from({ length: count }, (_, i) => 2 * i);
  const insns = repeated("", count - 1, () => "call pc+1\nexit", "r0 = r4\nexit");
  equal(lift(insns, { starts }).entry.insns[0].args.length, 4);
});
