import assert from "node:assert/strict";
import { EpassError } from "../../lib/errors.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { decode } from "../../lib/isa/codec.ts";
import { OPS } from "../../lib/isa/ops.ts";
import { translate } from "../../lib/vm/code.ts";
import { type FaultKind, GuestFault } from "../../lib/vm/fault.ts";
import { Interpreter } from "../../lib/vm/interpreter.ts";
import { GuestMemory } from "../../lib/vm/memory.ts";
import { OPCODES } from "../../lib/vm/opcodes.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { Random } from "../support/random.ts";
import { assembled, programOf, vmOf } from "./support.ts";

Deno.test("the labels of the dispatch loop are the opcodes", async () => {
  const source = await Deno.readTextFile(new URL("../../lib/vm/dispatch.ts", import.meta.url));
  const labels = [...source.matchAll(/case (\d+): .*\/\/ (\S+)/g)];
  assert.ok(labels.length > 60);
  for (const [, number, name] of labels) assert.equal(OPCODES[Number(number)], name);
});

/** A program for each kind of fault, and the slot where it happens. */
const FAULTS: readonly (readonly [FaultKind, number, string])[] = [
  ["null", 1, "mov %r2, 0\nldxw %r0, [%r2+4]\nexit"],
  ["out-of-bounds", 0, "ldxdw %r0, [%r10]\nexit"],
  ["misaligned", 1, "mov %r2, 1\nlock add [%r10-9], %r2\nexit"],
  ["limit", 0, "again: ja again"],
  ["call-depth", 0, "again: call local again\nexit"],
  ["bad-jump", 1, "mov %r0, 0\nja -3\nexit"],
  ["end-of-code", 2, "lddw %r0, 1"],
  ["bad-call-target", 1, "mov %r3, -1\ncall %r3\nexit"],
  ["unknown-helper", 2, "lddw %r0, 1\ncall 9999\nexit"],
  ["unresolved-symbol", 1, "mov %r0, 0\nlddw %r1, map_fd 3\nexit"],
  ["invalid-instruction", 0, "mov %r10, 0\nexit"],
];

for (const [kind, pc, text] of FAULTS) {
  Deno.test(`a fault of kind ${kind} names its place`, () => {
    const { fault, returnValue } = vmOf(text, { level: "strict" }).run({ limit: 1000 });
    assert.equal(fault?.kind, kind);
    assert.equal(fault.pc, pc);
    assert.equal(fault.section, "");
    assert.notEqual(fault.function, "");
    assert.match(fault.message, /^cannot [^:]+: ./);
    assert.equal(fault.registers.length, 11);
    assert.equal(returnValue, 0n);
  });
}

Deno.test("a fault reports the registers before the instruction", () => {
  const { fault, instructionCount } = vmOf("mov %r3, -2\nldxw %r3, [%r3]\nexit").run();
  assert.equal(fault?.registers[3], 0xffff_ffff_ffff_fffen);
  assert.equal(instructionCount, 1);
});

Deno.test("the limit is exact, and runs of any length are counted", () => {
  const vm = vmOf("mov %r2, 10\nagain: add %r2, -1\njne %r2, 0, again\nmov %r0, 7\nexit");
  assert.equal(vm.run().instructionCount, 23);
  assert.equal(vm.run({ limit: 23 }).fault, null);
  const { fault, instructionCount } = vm.run({ limit: 22 });
  assert.equal(fault?.kind, "limit");
  assert.equal(instructionCount, 22);
  assert.equal(vm.run({ limit: 0 }).fault?.kind, "limit");
});

Deno.test("the context is copied in and out", () => {
  const text = "ldxb %r0, [%r1+1]\nadd %r0, %r2\nstb [%r1], 9\nexit";
  const vm = vmOf(text, { level: "strict" });
  const context = Uint8Array.of(1, 2, 3);
  const first = vm.run({ context });
  assert.equal(first.returnValue, 5n);
  assert.deepEqual([...first.context], [9, 2, 3]);
  assert.deepEqual([...context], [1, 2, 3]);
  const larger = vm.run({ context: new Uint8Array(9000) });
  assert.equal(larger.returnValue, 9000n);
  assert.equal(vm.run({ context: Uint8Array.of(1) }).fault?.kind, "out-of-bounds");
  assert.equal(vm.run().fault?.kind, "null");
});

Deno.test("runs do not see each other's registers and stack", () => {
  const vm = vmOf("ldxdw %r0, [%r10-8]\nadd %r0, %r6\nstdw [%r10-8], 5\nmov %r6, 6\nexit");
  assert.equal(vm.run().returnValue, 0n);
  assert.equal(vm.run().returnValue, 0n);
});

const CALLBACK = `
lddw %r1, func callback
mov %r2, 7
mov %r6, 100
call 181
add %r0, %r6
exit
callback:
mov %r6, 1
stdw [%r10-8], 1
mov %r0, %r1
mul %r0, %r2
exit`;

Deno.test("a helper calls back into the program", () => {
  const vm = vmOf(CALLBACK);
  vm.registerHelper(181, (context, address, r2) => {
    let sum = 0n;
    for (let i = 1n; i <= 3n; i++) sum += context.call(address, [i, r2]);
    return sum;
  });
  const { returnValue, fault, instructionCount } = vm.run();
  assert.equal(fault, null);
  assert.equal(returnValue, 142n);
  assert.equal(instructionCount, 6 + 3 * 5);
  assert.equal(vm.run({ limit: 20 }).fault?.kind, "limit");
  assert.equal(vm.run({ limit: 21 }).fault, null);
});

Deno.test("a fault in a callback ends the program at its place", () => {
  const vm = vmOf(CALLBACK.replace("mov %r0, %r1", "ldxb %r0, [%r1]"));
  vm.registerHelper(181, (context, address) => context.call(address, []));
  const { fault } = vm.run();
  assert.equal(fault?.kind, "null");
  assert.equal(fault.pc, 9);
  assert.equal(vm.run({ limit: 5 }).fault?.kind, "limit");
});

Deno.test("callbacks to nothing and without end are faults", () => {
  const vm = vmOf(CALLBACK);
  vm.registerHelper(181, (context) => context.call(12345n, []));
  assert.equal(vm.run().fault?.kind, "bad-call-target");
  const endless = vmOf("again: lddw %r1, func again\ncall 181\nexit");
  endless.registerHelper(181, (context, address) => context.call(address, []));
  assert.equal(endless.run().fault?.kind, "call-depth");
  assert.equal(endless.run().fault?.kind, "call-depth");
});

Deno.test("a helper makes a tail call: new registers and stack", () => {
  const vm = vmOf(`
mov %r6, 1
stdw [%r10-8], 5
lddw %r2, func other
call 12
mov %r0, 1
exit
other:
mov %r0, %r1
add %r0, %r6
ldxdw %r1, [%r10-8]
add %r0, %r1
exit`);
  vm.registerHelper(12, (context, _r1, address) => {
    context.tailCall(address, [41n]);
    return 0n;
  });
  assert.equal(vm.run().returnValue, 41n);
});

Deno.test("a helper reads and writes guest memory, or refuses", () => {
  const text = "mov %r1, %r10\nadd %r1, -8\ncall 4\nldxdw %r0, [%r10-8]\nexit";
  const vm = vmOf(text, { level: "strict" });
  vm.registerHelper(4, ({ memory }, r1) => {
    memory.store(r1, 8, 0x55n);
    return 0n;
  });
  assert.equal(vm.run().returnValue, 0x55n);
  vm.registerHelper(4, ({ memory }, r1) => memory.load(r1 + 8n, 1));
  assert.equal(vm.run().fault?.kind, "out-of-bounds");
  vm.registerHelper(4, () => {
    throw new GuestFault("helper", "cannot do it: no reason");
  });
  assert.deepEqual([vm.run().fault?.kind, vm.run().fault?.pc], ["helper", 2]);
  vm.registerHelper(4, () => {
    throw new TypeError("a defect of the caller");
  });
  assert.throws(() => vm.run(), TypeError);
});

Deno.test("memory that grows under a helper stays visible to the program", () => {
  const vm = vmOf("call 4\nstdw [%r0], 7\nldxdw %r0, [%r0]\nexit");
  vm.registerHelper(4, ({ memory }) => BigInt(memory.allocate("value", 1 << 20).address));
  assert.equal(vm.run().returnValue, 7n);
});

Deno.test("kfuncs are called by name or BTF id", () => {
  const vm = vmOf("mov %r1, 6\ncall kfunc 77\nexit");
  assert.equal(vm.run().fault?.kind, "unknown-helper");
  vm.registerKfunc("#77", (_context, r1) => r1 * 7n);
  assert.equal(vm.run().returnValue, 42n);
});

Deno.test("symbols are resolved when the program is loaded", () => {
  const seen: string[] = [];
  const vm = vmOf("lddw %r0, map_idx_value 2 + 4\nlddw %r2, btf_id 9\nexit", {
    resolve: ({ kind, imm, high, pc }) => {
      seen.push(`${kind} ${imm} ${high} ${pc}`);
      return kind === "btf_id" ? null : 0x1234_5678_9abc_def0n;
    },
  });
  assert.deepEqual(seen, ["map_idx_value 2 4 0", "btf_id 9 0 2"]);
  assert.match(vm.run().fault!.message, /^cannot load btf_id 9: unresolved$/);
});

Deno.test("a function is chosen by name or index", () => {
  const vm = vmOf("call local other\nexit\nother: mov %r0, 3\nexit");
  assert.equal(vm.run().returnValue, 3n);
  assert.equal(vm.run({ function: 1 }).returnValue, 3n);
  assert.equal(vm.run({ function: vm.source.functions[1].name }).instructionCount, 2);
  assert.throws(() => vm.run({ function: "nobody" }), EpassError);
  assert.throws(() => vm.run({ function: 7 }), EpassError);
  assert.throws(() => Vm.loadSync(programOf([]), { engine: "interpreter" }).run(), EpassError);
});

Deno.test("steps agree with a run", () => {
  const program = assembled(CALLBACK);
  const helpers = new Map([[
    181,
    (context: { call(address: bigint, args: bigint[]): bigint }, r1: bigint, r2: bigint) =>
      context.call(r1, [5n, r2]),
  ]]);
  const code = translate(program, () => null);
  const interpreter = new Interpreter(code, new GuestMemory("little"), helpers, new Map());
  interpreter.start(0, [], 1000);
  const places: number[] = [];
  do places.push(interpreter.pc); while (interpreter.step());
  assert.deepEqual(places, [0, 2, 3, 4, 5, 6]);
  assert.equal(interpreter.outcome.returnValue, 135n);
  assert.equal(interpreter.outcome.instructionCount, 11);
  assert.equal(interpreter.step(), false);
  interpreter.start(0, [], 2);
  assert.deepEqual([interpreter.step(), interpreter.step(), interpreter.step()], [
    true,
    true,
    false,
  ]);
  assert.equal(interpreter.outcome.fault?.kind, "limit");
  assert.equal(interpreter.register(2), 7n);
});

Deno.test("may_goto is spent after the budget of its frame", () => {
  const vm = vmOf("mov %r0, 0\nagain: may_goto done\nadd %r0, 1\nja again\ndone: exit");
  assert.equal(vm.run().returnValue, 0x80_0000n);
});

Deno.test("far jumps reach beyond 16 bits", () => {
  const filler = "mov %r0, 2\n".repeat(40_000);
  const vm = vmOf(`mov %r0, 1\nja32 target\n${filler}target: exit`);
  assert.equal(vm.run().returnValue, 1n);
  assert.equal(vm.run().instructionCount, 3);
});

Deno.test("random instruction streams end in a result or a fault", () => {
  const seed = Number(Deno.env.get("EPASS_SEED") ?? 3);
  const random = new Random(seed);
  const codes = [...new Set(OPS.map(({ code }) => code))];
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: 8 * (1 + random.below(24)) }, () => random.below(256));
    for (let at = 0; at < bytes.length; at += 8) {
      if (random.chance(0.9)) {
        bytes[at] = random.pick(codes);
        bytes[at + 1] = random.below(11) | random.below(11) << 4;
        bytes.fill(random.chance(0.5) ? 0 : 255, at + 3, at + 4);
        bytes.fill(random.chance(0.5) ? 0 : 255, at + 5, at + 8);
      }
    }
    const vm = Vm.loadSync(programOf(decode(bytes), random.chance(0.5) ? "little" : "big"), {
      engine: "interpreter",
    });
    vm.registerHelper(5, (context, r1) => context.memory.load(r1, 8));
    const { fault, instructionCount } = vm.run({ context: bytes, packet: bytes, limit: 3000 });
    assert.ok(instructionCount <= 3000);
    if (fault !== null) assert.match(fault.message, /^cannot [^:]+: ./, `seed ${seed}`);
  }
});

Deno.test("jumps and calls far outside are faults", () => {
  const { insns } = assemble("ja +32767\nja -2\ncall local +2147483647\nlddw %r1, func -9\nexit", {
    syntax: "mnemonic",
  });
  for (let at = 0; at < insns.length; at++) {
    const { fault } = Vm.loadSync(programOf(insns.slice(at)), { engine: "interpreter" }).run({
      limit: 100,
    });
    assert.ok(fault === null || fault.message !== "");
  }
});
