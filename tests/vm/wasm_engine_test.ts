import assert from "node:assert/strict";
import { encode } from "../../lib/isa/codec.ts";
import { Instruction } from "../../lib/isa/instruction.ts";
import { findOp } from "../../lib/isa/ops.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { translate } from "../../lib/vm/code.ts";
import { Interpreter } from "../../lib/vm/interpreter.ts";
import type { HelperTable } from "../../lib/vm/machine.ts";
import { GuestMemory } from "../../lib/vm/memory.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { WasmEngine, type WasmEngineOptions } from "../../lib/vm/wasm_engine.ts";
import { compareEngines } from "../differential/engines.ts";
import { hostileProgram } from "../support/hostile_program.ts";
import { Random } from "../support/random.ts";
import { randomProgram } from "../support/random_program.ts";
import { assembled, programOf, vmOf } from "./support.ts";

/** An engine for a program in the mnemonic syntax. */
function engineOf(text: string, options: Partial<WasmEngineOptions> = {}): WasmEngine {
  const program = assembled(text);
  const memory = new GuestMemory("little");
  const helpers: HelperTable = options.helpers ?? new Map();
  const code = translate(program, () => null);
  const interpreter = new Interpreter(code, memory, helpers, new Map());
  return new WasmEngine(code, interpreter, {
    memory,
    helpers,
    kfuncs: new Map(),
    kernelHelpers: false,
    ...options,
  });
}

/** A text for each kind of fault, and the slot where it happens; `context` is not given. */
const FAULTS: readonly (readonly [kind: string, pc: number, text: string])[] = [
  ["null", 1, "mov %r1, 8\nldxdw %r0, [%r1]\nexit"],
  ["null", 0, "ldxdw %r0, [%r1+0x7fff]\nexit"],
  ["out-of-bounds", 1, "mov %r2, -8\nstxdw [%r2], %r2\nexit"],
  ["out-of-bounds", 2, "lddw %r2, 0x70000000\nldxb %r0, [%r2]\nexit"],
  ["misaligned", 1, "mov %r2, 1\nlock add [%r10-9], %r2\nexit"],
  ["call-depth", 0, "again: call local again\nexit"],
  ["bad-call-target", 1, "mov %r3, -1\ncall %r3\nexit"],
  ["unknown-helper", 2, "lddw %r0, 1\ncall 9999\nexit"],
  ["unresolved-symbol", 1, "mov %r0, 0\nlddw %r1, map_fd 3\nexit"],
];

for (const [kind, pc, text] of FAULTS) {
  for (const metering of ["exact", "loops"] as const) {
    Deno.test(`${metering}: a fault of kind ${kind} names slot ${pc} of ${text.split("\n")[0]}`, () => {
      const engine = engineOf(text, { metering });
      assert.equal(engine.fallback(0), null);
      const { fault, returnValue } = engine.run(0, [], { limit: 1000 });
      assert.deepEqual([fault?.kind, fault?.pc, returnValue], [kind, pc, 0n]);
      assert.match(fault!.message, /^cannot [^:]+: ./);
    });
  }
}

Deno.test("endless loops and calls end at the limits of instructions and of time", () => {
  const endless = [
    "again: ja again",
    "again: call local again\nja again",
    "again: may_goto again\nja again",
  ];
  for (const text of endless) {
    const engine = engineOf(text);
    const kind = text.includes("call") ? "call-depth" : "limit";
    assert.equal(engine.run(0, [], { limit: 1_000_000 }).fault?.kind, kind);
  }
  const engine = engineOf(endless[0]);
  const deadline = performance.now() + 20;
  const { fault } = engine.run(0, [], { limit: Number.MAX_SAFE_INTEGER, deadline });
  assert.match(fault?.message ?? "", /the time limit/);
});

Deno.test("counting exactly, the limit is exact", () => {
  const text = "mov %r2, 10\nagain: add %r2, -1\njne %r2, 0, again\nmov %r0, 7\nexit";
  const engine = engineOf(text, { metering: "exact" });
  assert.equal(engine.run(0, [], { limit: 23 }).returnValue, 7n);
  const { fault, instructionCount } = engine.run(0, [], { limit: 22 });
  assert.deepEqual([fault?.kind, fault?.pc, instructionCount], ["limit", 4, 22]);
});

Deno.test("counting loops, a program that fits the limit is never stopped", () => {
  const text =
    "mov %r2, 1000\nagain: add %r2, -1\njset %r2, 1, odd\nmov %r0, 7\nodd: jne %r2, 0, again\nexit";
  const { instructionCount } = engineOf(text, { metering: "exact" }).run(0, [], { limit: 1e6 });
  const outcome = engineOf(text).run(0, [], { limit: instructionCount });
  assert.equal(outcome.fault, null);
  assert.ok(outcome.instructionCount <= instructionCount);
  assert.ok(outcome.instructionCount > instructionCount / 3);
});

Deno.test("callbacks, calls by address and tail calls", () => {
  const helpers: HelperTable = new Map([
    [181, (context, r1, r2, r3) => {
      for (let i = 0n; i < r1; i++) context.call(r2, [i, r3]);
      return r1;
    }],
    [12, (context, r1, r2) => {
      context.tailCall(r2, [r1]);
      return 0n;
    }],
  ]);
  const text = `
mov %r6, 20
stxdw [%r10-8], %r6
mov %r1, 5
lddw %r2, func add
mov %r3, %r10
add %r3, -8
call 181
ldxdw %r1, [%r10-8]
lddw %r2, func last
call 12
mov %r0, 1
exit
add:
ldxdw %r0, [%r2]
add %r0, %r1
stxdw [%r2], %r0
mov %r0, 0
exit
last:
lddw %r2, func twice
call %r2
exit
twice:
mov %r0, %r1
lsh %r0, 1
exit`;
  const engine = engineOf(text, { helpers });
  assert.equal(engine.fallback(0), null);
  const { returnValue, fault } = engine.run(0, [], { limit: 1000 });
  assert.deepEqual([returnValue, fault], [60n, null]);
});

Deno.test("what cannot be lifted runs on the interpreter, with the reason", () => {
  const engine = engineOf("mov %r0, 5\nja far\nexit\nfar:");
  assert.match(engine.fallback(0) ?? "", /^cannot lift function/);
  assert.equal(engine.run(0, [], { limit: 10 }).fault?.kind, "bad-jump");
});

Deno.test("memory that grows under a helper stays visible to the code", () => {
  const vm = vmOf("call 4\nstdw [%r0], 7\nldxdw %r0, [%r0]\nexit", { engine: "wasm" });
  vm.registerHelper(4, ({ memory }) => BigInt(memory.allocate("value", 1 << 20).address));
  assert.equal(vm.run().returnValue, 7n);
});

Deno.test("120,000 chained blocks compile and run", () => {
  const branch = findOp({ kind: "branch", fn: "eq", width: 64, form: "imm" });
  const add = findOp({ kind: "alu", fn: "add", form: "imm" });
  const insns = [new Instruction(findOp({ kind: "mov", form: "imm" }), 0, 0, 0, 0)];
  for (let i = 0; i < 60_000; i++) {
    insns.push(new Instruction(branch, 1, 0, 1, i), new Instruction(add, 0, 0, 0, 1));
  }
  insns.push(new Instruction(findOp({ kind: "exit" })));
  const vm = Vm.loadSync(programOf(insns), { engine: "wasm" });
  assert.equal(vm.run({ limit: 1e6 }).returnValue, 59_999n);
});

Deno.test("a loop with two entries runs as it should", () => {
  const text = `
jeq %r1, 0, second
first:
add %r0, 1
jgt %r0, 20, out
second:
add %r0, 3
ja first
out:
exit`;
  for (const [r1, expected] of [[0n, 24n], [1n, 21n]] as const) {
    const engine = engineOf(text);
    assert.equal(engine.fallback(0), null);
    assert.equal(engine.run(0, [r1], { limit: 1000 }).returnValue, expected);
  }
});

Deno.test("both engines agree on random programs and on hostile streams", () => {
  const first = Number(Deno.env.get("EPASS_SEED") ?? 1);
  let compiled = 0;
  for (let seed = first; seed < first + 240; seed++) {
    const random = new Random(seed);
    const context = Uint8Array.from({ length: 64 }, () => random.below(256));
    const insns = seed % 4 === 0 ? randomProgram(seed).insns : hostileProgram(random);
    const { fallback, mismatch } = compareEngines(insns, context, {
      level: seed % 3 === 0 ? "strict" : "sandbox",
      metering: seed % 2 === 0 ? "exact" : "loops",
      order: seed % 16 === 0 ? "big" : "little",
    });
    assert.equal(mismatch, "", `seed ${seed}`);
    if (fallback === null) compiled++;
  }
  assert.ok(compiled > 120, `${compiled} compiled`);
});

Deno.test("code that is encoded, loaded and compiled twice gives the same module", () => {
  const { insns } = randomProgram(5);
  const run = () => Vm.loadSync(loadProgram(encode(insns), { from: "raw" }), { engine: "wasm" });
  const results = [run(), run()].map((vm) => vm.run({ context: new Uint8Array(64) }).returnValue);
  assert.equal(results[0], results[1]);
});

Deno.test("a trap is a fault even where the host keeps no stack traces", () => {
  const engine = engineOf("lddw %r2, 0x70000000\nldxb %r0, [%r2]\nexit");
  const host = Error as { stackTraceLimit?: number };
  const limit = host.stackTraceLimit;
  host.stackTraceLimit = 0;
  try {
    assert.equal(engine.run(0, [], { limit: 1000 }).fault?.kind, "out-of-bounds");
  } finally {
    host.stackTraceLimit = limit!;
  }
});
