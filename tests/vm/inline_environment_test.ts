/**
 * Helpers as code against their bodies: the interpreter calls the bodies, WebAssembly runs the code.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperByName } from "../../lib/isa/helpers.ts";
import { ENGINES } from "../../lib/vm/engine.ts";
import { Vm, type VmOptions } from "../../lib/vm/vm.ts";

const HELPERS = [
  "ktime_get_ns",
  "ktime_get_boot_ns",
  "ktime_get_tai_ns",
  "ktime_get_coarse_ns",
  "jiffies64",
  "get_prandom_u32",
  "get_current_pid_tgid",
  "get_current_uid_gid",
  "get_smp_processor_id",
  "get_numa_node_id",
] as const;

/** A program that mixes what calls return. */
function mixing(calls: readonly string[]): Uint8Array {
  const lines = ["mov %r6, 0"];
  for (const name of calls) {
    lines.push(`call 0x${helperByName(name)!.id.toString(16)}`, "mul %r6, 31", "add %r6, %r0");
  }
  return new TextEncoder().encode([...lines, "mov %r0, %r6", "exit", ""].join("\n"));
}

/** What runs one after the other return, the same on every engine. */
function returned(program: Uint8Array, options: VmOptions = {}, runs = 3): bigint[] {
  const [first, ...others] = ENGINES.map((engine) => {
    const vm = Vm.loadSync(program, { ...options, engine });
    return Array.from({ length: runs }, () => {
      const { fault, returnValue } = vm.run();
      assert.equal(fault, null);
      return returnValue;
    });
  });
  for (const other of others) assert.deepEqual(other, first);
  return first;
}

Deno.test("each helper gives the same on every engine, run after run", () => {
  const clock = { start: (1n << 64n) - 5n, step: 3n, suspended: 1000n, tai: -7n };
  const task = { pid: 0xffff_fffe, tgid: 7, uid: 0x8000_0000, gid: 1 };
  for (const name of HELPERS) {
    const program = mixing([name, name, "ktime_get_ns", name]);
    returned(program);
    returned(program, { clock, task, seed: 99, cpus: 3, cpu: 2 });
  }
  returned(mixing([...HELPERS, ...HELPERS]), { clock, task });
});

Deno.test("random numbers go on from run to run, and from the same seed again", () => {
  const program = mixing(["get_prandom_u32"]);
  const numbers = returned(program, {}, 100);
  assert.equal(new Set(numbers).size, 100);
  assert.ok(numbers.some((number) => number >= 1n << 31n));
  assert.deepEqual(returned(program, { seed: 1 }, 100), numbers);
});

Deno.test("the current CPU, known beforehand or not", () => {
  const program = mixing(["get_smp_processor_id"]);
  assert.deepEqual(returned(program, {}, 1), [0n]);
  assert.deepEqual(returned(program, { cpu: 5 }, 1), [0n]);
  assert.deepEqual(returned(program, { cpus: 4, cpu: 2 }, 1), [2n]);
  assert.deepEqual(returned(program, { cpus: 4, cpu: 9 }, 1), [3n]);
});

Deno.test("a program that overwrites the clock finds what it wrote, on every engine", () => {
  const [engine] = ENGINES;
  const probe = Vm.loadSync(mixing(["ktime_get_ns", "get_prandom_u32"]), { engine });
  const region = probe.memory.regions.find(({ name }) => name === "clocks and identity")!;
  const lines = [`lddw %r1, 0x${region.address.toString(16)}`, "mov %r2, -3"];
  for (let at = 0; at < 40; at += 8) lines.push(`stxdw [%r1+0x${at.toString(16)}], %r2`);
  for (const name of ["ktime_get_ns", "get_prandom_u32", "get_current_pid_tgid"]) {
    lines.push(`call 0x${helperByName(name)!.id.toString(16)}`, "xor %r6, %r0");
  }
  const source = [...lines, "mov %r0, %r6", "exit", ""].join("\n");
  returned(new TextEncoder().encode(source));
});

Deno.test("helpers that the caller replaced are called", () => {
  for (const engine of ENGINES) {
    const vm = Vm.loadSync(mixing(["ktime_get_ns"]), { engine, helpers: { 5: () => 42n } });
    assert.equal(vm.run().returnValue, 42n);
    const later = Vm.loadSync(mixing(["get_smp_processor_id"]), { engine });
    later.registerHelper("get_smp_processor_id", [], () => 7);
    assert.equal(later.run().returnValue, 7n);
  }
});
