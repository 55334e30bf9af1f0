/**
 * Latency of the sandbox in a warm process: from the bytes of an object to the first result of a program of 120
 * instructions, and for one of 10,000 instructions the parts of compiling and how runs get faster as V8 optimises.
 *
 *     deno run scripts/bench_latency.ts [ROUNDS]
 *
 * @module
 */

import { encode } from "../lib/isa/codec.ts";
import { Instruction } from "../lib/isa/instruction.ts";
import { findOp } from "../lib/isa/ops.ts";
import { type EngineName, ENGINES } from "../lib/vm/engine.ts";
import { Vm } from "../lib/vm/vm.ts";

const rounds = Number(Deno.args[0] ?? 20);
const MOV = findOp({ kind: "mov", form: "imm" }), EXIT = findOp({ kind: "exit" });
const LOAD = findOp({ kind: "load", size: 4 }),
  STORE = findOp({ kind: "store", size: 8, form: "reg" });
const ADD = findOp({ kind: "alu", fn: "add", form: "reg" });
const XOR = findOp({ kind: "alu", fn: "xor", form: "imm" });
const LESS = findOp({ kind: "branch", fn: "lt", form: "imm" });

/** A program of loads, arithmetic, stores and branches; each variant is new to V8, which caches modules. */
function program(count: number, variant: number): Uint8Array {
  const insns = [new Instruction(MOV, 0, 0, 0, variant)];
  for (let i = 0; insns.length < count - 1; i++) {
    const slot = -8 * (1 + i % 32);
    insns.push(
      new Instruction(LOAD, 2, 1, 4 * (i % 16)),
      new Instruction(ADD, 0, 2),
      new Instruction(LESS, 2, 0, 1, i),
      new Instruction(XOR, 0, 0, 0, i),
      new Instruction(STORE, 10, 0, slot),
    );
  }
  insns.length = count - 1;
  insns.push(new Instruction(EXIT));
  return encode(insns);
}

const context = new Uint8Array(64).map((_, i) => 37 * i);
const milliseconds = (times: readonly number[]) =>
  `${Math.min(...times).toFixed(2)} ms (median ${
    times.toSorted((a, b) => a - b)[times.length >> 1].toFixed(2)
  })`;

function firstResult(bytes: Uint8Array, engine: EngineName): number {
  const start = performance.now();
  Vm.loadSync(bytes, { engine }).run({ context });
  return performance.now() - start;
}

for (const count of [120, 10_000]) {
  for (const engine of ENGINES) {
    for (let i = 0; i < 10; i++) firstResult(program(count, -1 - i), engine);
    const times = Array.from({ length: rounds }, (_, i) => firstResult(program(count, i), engine));
    console.log(`${count} instructions, ${engine}: object to first result ${milliseconds(times)}`);
  }
}

/** How long runs take from the first one on. */
const vm = Vm.loadSync(program(10_000, rounds), { engine: "wasm" });
const start = performance.now();
const runs: [number, number][] = [];
while (performance.now() - start < 2000) {
  const before = performance.now();
  vm.run({ context });
  runs.push([before - start, performance.now() - before]);
}
const best = Math.min(...runs.map(([, time]) => time));
const settled = runs.find(([, time]) => time < 1.5 * best)!;
console.log(
  `10,000 instructions: a run takes ${runs[1][1].toFixed(3)} ms at first, ${
    best.toFixed(3)
  } ms optimised, within ${settled[0].toFixed(0)} ms`,
);
