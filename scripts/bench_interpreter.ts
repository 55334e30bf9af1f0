/**
 * Measures the reference interpreter: instructions per second in a few loops, warm, the best of several rounds (other
 * work on the machine only ever slows a round down). `deno run scripts/bench_interpreter.ts [ROUNDS]`.
 *
 * @module
 */

import { assemble } from "../lib/isa/assemble.ts";
import { encode } from "../lib/isa/codec.ts";
import { loadProgram } from "../lib/object/load.ts";
import { Vm } from "../lib/vm/vm.ts";

/** Rounds of a loop in one measurement. */
const ITERATIONS = 10_000;

/** Bodies of loops; r9 counts, and 64 bytes of the stack are theirs. */
const LOOPS: { readonly [name: string]: string } = {
  "arithmetic and memory":
    "ldxdw %r3, [%r10-8]\nadd %r3, %r2\nxor %r3, %r9\nlsh %r2, 1\nstxdw [%r10-8], %r3\nadd %r0, %r3",
  "64-bit arithmetic": "add %r0, %r2\nxor %r0, %r9\nrsh %r0, 3\nor %r2, 1\nsub %r2, %r0",
  "32-bit arithmetic": "add32 %r0, %r2\nxor32 %r0, %r9\nrsh32 %r0, 3\nor32 %r2, 1\nsub32 %r2, %r0",
  "multiply": "mul %r0, %r9\nadd %r0, %r2\nmul %r2, 31",
  "divide": "mov %r3, %r9\ndiv %r3, 7\nmov %r4, %r9\nmod %r4, 10\nadd %r0, %r3",
  "bytes": "ldxb %r3, [%r10-1]\nadd %r3, 1\nstxb [%r10-1], %r3\nldxh %r4, [%r10-2]\nadd %r0, %r4",
  "branches":
    "jset %r9, 1, odd\nadd %r0, 3\nja next\nodd: add %r0, 1\nnext: jgt %r0, %r9, loop_end",
  "local call": "mov %r1, %r9\ncall local callee",
  "helper call": "mov %r1, %r9\ncall 5",
  "atomic": "lock add [%r10-8], %r9\nlock fetch add [%r10-16], %r2",
};

/** The program of a loop. */
function programOf(body: string): string {
  return `mov %r0, 0\nmov %r2, 7\nstdw [%r10-8], 1\nmov %r9, ${ITERATIONS}\nagain:\n${body}\n` +
    "loop_end: add %r9, -1\njne %r9, 0, again\nexit\ncallee: mov %r0, %r1\nexit\n";
}

/** The most instructions per second in any round, in millions. */
function measure(text: string, rounds: number): number {
  const { insns } = assemble(text, { syntax: "mnemonic" });
  const vm = Vm.loadSync(loadProgram(encode(insns), { from: "raw" }), { engine: "interpreter" });
  vm.registerHelper(5, (_context, r1) => r1);
  let best = 0;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    const { instructionCount } = vm.run();
    best = Math.max(best, instructionCount / (performance.now() - start) / 1000);
  }
  return best;
}

const rounds = Number(Deno.args[0] ?? 500);
console.log("loop                    M instructions/s");
for (const [name, body] of Object.entries(LOOPS)) {
  console.log(`${name.padEnd(24)}${measure(programOf(body), rounds).toFixed(0).padStart(16)}`);
}
