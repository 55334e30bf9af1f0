/**
 * Speed of lift → emit: on the corpus's functions above 1,000 instructions, and on generated programs in two sizes, whose
 * time must grow linearly. Also the peak memory of the process.
 *
 * `deno run --allow-read --allow-env scripts/bench_compile.ts [CORPUS]`
 */

import { cpuOf } from "../lib/compile.ts";
import { assemble } from "../lib/isa/assemble.ts";
import { encode } from "../lib/isa/codec.ts";
import { liftContext } from "../lib/lift/context.ts";
import { liftFunction } from "../lib/lift/lift.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Program } from "../lib/object/program.ts";
import { compileToBpf } from "../lib/targets/bpf/target.ts";
import { filesBelow } from "./corpus.ts";

/** Milliseconds of one lift → emit of the functions at the given indices. */
function once(program: Program, indices: readonly number[]): { lift: number; emit: number } {
  const options = { cpu: cpuOf(program), order: program.order };
  const context = liftContext(program);
  let lift = 0, emit = 0;
  for (const index of indices) {
    const start = performance.now();
    const fn = liftFunction(program, index, context);
    const middle = performance.now();
    compileToBpf(fn, options);
    lift += middle - start;
    emit += performance.now() - middle;
  }
  return { lift, emit };
}

/** A straight line of arithmetic and memory accesses. */
function straight(count: number): string {
  const lines = ["r0 = 0x1", "r6 = r1"];
  for (let i = 0; lines.length < count - 1; i++) {
    const r = i % 6;
    lines.push(`r${r} = *(u64 *)(r6 + ${(i * 8) % 4096})`, `r${r} += ${i}`, `w${r} ^= w0`);
    lines.push(`*(u64 *)(r10 - ${8 + (i % 8) * 8}) = r${r}`);
    lines.push(`r0 += r${r}`);
  }
  return `${lines.join("\n")}\nexit\n`;
}

/** Branches in chains, diamonds and small loops, with calls; a thousand of them share an exit. */
function branchy(count: number): string {
  const lines = ["r0 = 0x0", "r6 = r1", "r7 = 0x0", "r8 = 0x0"];
  let size = 4;
  const close = (group: number): void => {
    lines.push(`goto next${group}`, `out${group}:`, "r0 = r7", "exit", `next${group}:`);
    size += 3;
  };
  let group = 0;
  for (let i = 0; size < count - 5; i++) {
    if (i % 1000 === 999) close(group++);
    lines.push(
      `r1 = *(u32 *)(r6 + ${(i * 4) % 1024})`,
      `if r1 == ${i & 1023} goto out${group}`,
      `if r1 > 0x10 goto a${i}`,
      `r7 += r1`,
      `goto b${i}`,
      `a${i}:`,
      `r7 ^= r1`,
      `b${i}:`,
      `r8 += 0x1`,
      `if r8 < 0x20 goto b${i}`,
      `call 0x7`,
      `r7 += r0`,
    );
    size += 10;
  }
  close(group);
  return `${lines.join("\n")}\nr0 = r7\nexit\n`;
}

function generated(make: (count: number) => string, count: number): Program {
  return loadProgram(encode(assemble(make(count)).insns), { from: "raw" });
}

/** The fastest of several timings. */
function best(
  program: Program,
  indices: readonly number[],
  rounds: number,
): { lift: number; emit: number } {
  let result = once(program, indices);
  for (let i = 1; i < rounds; i++) {
    const next = once(program, indices);
    if (next.lift + next.emit < result.lift + result.emit) result = next;
  }
  return result;
}

function report(
  name: string,
  size: number,
  { lift, emit }: { lift: number; emit: number },
): number {
  const total = lift + emit;
  const rate = Math.round(size / total * 1000);
  console.log(
    `${name.padEnd(44)} ${String(size).padStart(8)} insns ${total.toFixed(1).padStart(8)} ms ` +
      `(lift ${lift.toFixed(1)}, emit ${emit.toFixed(1)}) ${String(rate).padStart(8)} insns/s`,
  );
  return total;
}

const root = Deno.args[0] ?? `${Deno.env.get("EPASS_SHARED") ?? "../shared"}/corpus`;
let size = 0, lift = 0, emit = 0;
try {
  for (const path of filesBelow(root)) {
    const program = loadProgram(Deno.readFileSync(path));
    const large = program.functions.filter((fn) =>
      fn.last - fn.first > 1000 && fn.entangled === ""
    );
    if (large.length === 0) continue;
    const timing = best(program, large.map((fn) => fn.index), 5);
    size += large.reduce((sum, fn) => sum + fn.last - fn.first, 0);
    lift += timing.lift;
    emit += timing.emit;
  }
  report("corpus, functions above 1,000 instructions", size, { lift, emit });
} catch (error) {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  console.log(`skipped: no corpus at ${root}`);
}
for (
  const [name, make, n] of [["straight line", straight, 100_000], [
    "branchy",
    branchy,
    50_000,
  ]] as const
) {
  const small = report(name, n, best(generated(make, n), [0], 9));
  const large = report(name, 2 * n, best(generated(make, 2 * n), [0], 9));
  console.log(`${name}: time for 2n is ${(large / small).toFixed(2)} × the time for n`);
}
console.log(`peak memory ${Math.round(Deno.memoryUsage().rss / 2 ** 20)} MiB`);
