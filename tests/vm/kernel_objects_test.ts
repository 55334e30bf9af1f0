import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadProgram } from "../../lib/object/load.ts";
import { ENGINES } from "../../lib/vm/engine.ts";
import { KernelObjects } from "../../lib/vm/kernel_objects.ts";
import { GuestMemory } from "../../lib/vm/memory.ts";
import { Vm, type VmOptions } from "../../lib/vm/vm.ts";
import { ROOT } from "../support.ts";

const OBJECT = new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "kernel_types.o")));
const TYPES = loadProgram(OBJECT).elf!.btf!;

function run(program: string, options: VmOptions = {}, input = {}) {
  const vm = Vm.loadSync(OBJECT, { programs: [program], btf: TYPES.bytes, ...options });
  return vm.program(program).run(input);
}

for (const engine of ENGINES) {
  Deno.test(`the current task leads to structures of the kernel: ${engine}`, () => {
    const { returnValue, fault } = run("on_call", {
      engine,
      task: { pid: 7, uid: 3, comm: "abc" },
    });
    assert.equal(fault, null);
    assert.equal(returnValue, BigInt(7 << 16 | 3 << 8 | 0x63));
  });

  Deno.test(`arguments of tracepoints and hooks are structures of the kernel: ${engine}`, () => {
    assert.equal(run("on_switch", { engine }).returnValue, 1n);
    assert.equal(run("on_open", { engine }).returnValue, 1n);
    assert.equal(run("on_nothing", { engine }).returnValue, 1n);
  });
}

Deno.test("given arguments are left alone, and without types there are none", () => {
  const { fault } = run("on_switch", {}, { args: [0n, 0n, 0n] });
  assert.equal(fault?.kind, "null");
  assert.equal(run("on_switch", { btf: undefined }).fault?.kind, "null");
});

Deno.test("structures of the kernel are placed once", () => {
  const memory = new GuestMemory("little");
  const kernel = new KernelObjects(memory, () => TYPES);
  const task = kernel.address("task_struct");
  const regions = memory.regions.length;
  assert.notEqual(task, 0);
  assert.equal(kernel.address("task_struct"), task);
  assert.equal(kernel.address("nothing"), 0);
  assert.notEqual(kernel.address("dentry"), 0);
  assert.equal(memory.regions.length, regions);
  kernel.fill("nothing", { pid: 1 });
  kernel.fill("task_struct", { pid: 5, nothing: 1, comm: new Uint8Array(99).fill(0x61) });
  assert.equal(memory.load(BigInt(task + 16), 4), 5n);
  assert.equal(memory.load(BigInt(task + 20), 4), 0n);
});
