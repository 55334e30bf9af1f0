/**
 * Both engines on random programs and on instruction streams that no verifier has seen: the same result, the same
 * typed fault at the same place, the same memory; no hang, and nothing outside of guest memory touched.
 *
 * `deno run scripts/differential_vm.ts [COUNT] [FIRST-SEED]`
 *
 * @module
 */

import { compareEngines } from "../tests/differential/engines.ts";
import { hostileProgram } from "../tests/support/hostile_program.ts";
import { Random } from "../tests/support/random.ts";
import { randomProgram } from "../tests/support/random_program.ts";

const count = Number(Deno.args[0] ?? 20_000);
const first = Number(Deno.args[1] ?? 1);
/** Memory of the host that no program may reach. */
const canaries = Array.from({ length: 16 }, () => new Uint8Array(1 << 16).fill(0xa5));

const ends = new Map<string, number>();
let compiled = 0, mismatches = 0, slowest = 0;
for (let seed = first; seed < first + count; seed++) {
  const random = new Random(seed);
  const context = Uint8Array.from({ length: 64 }, () => random.below(256));
  const hostile = seed % 4 !== 0;
  const insns = hostile ? hostileProgram(random) : randomProgram(seed).insns;
  const level = seed % 3 === 0 ? "strict" : "sandbox";
  const metering = seed % 2 === 0 ? "exact" : "loops";
  const start = performance.now();
  const { end, fallback, mismatch } = compareEngines(insns, context, {
    level,
    metering,
    order: seed % 16 === 0 ? "big" : "little",
  });
  slowest = Math.max(slowest, performance.now() - start);
  ends.set(end, (ends.get(end) ?? 0) + 1);
  if (fallback === null) compiled++;
  if (mismatch === "") continue;
  if (++mismatches <= 5) console.log(`seed ${seed} (${level}, ${metering}): ${mismatch}`);
}
const touched = canaries.filter((bytes) => bytes.some((byte) => byte !== 0xa5)).length;
console.log(
  `${count} programs, ${compiled} of them compiled, the slowest in ${slowest.toFixed(0)} ms`,
);
console.log([...ends].sort(([, a], [, b]) => b - a).map(([end, n]) => `${end} ${n}`).join(", "));
console.log(`${mismatches} mismatches, ${touched} of ${canaries.length} canaries touched`);
if (mismatches + touched > 0) Deno.exit(1);
