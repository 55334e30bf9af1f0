import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadProgram } from "../../lib/object/load.ts";
import { globalData } from "../../lib/vm/global_data.ts";
import { GuestMemory } from "../../lib/vm/memory.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { ROOT } from "../support.ts";

Deno.test("a program counts in .bss and reads .data", () => {
  const bytes = new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "firewall.o")));
  const program = loadProgram(bytes);
  const memory = new GuestMemory(program.order);
  const vm = Vm.loadSync(program, { memory, resolve: globalData(program, memory) });
  // bpf_probe_read_kernel leaves the device null: the drop counts for index 0.
  vm.registerHelper(113, () => 0n);
  const context = new Uint8Array(8);
  assert.equal(vm.run({ function: "count_drops", context }).fault, null);
  assert.equal(vm.run({ function: "count_drops", context }).fault, null);
  const bss = memory.regions.find((region) => region.name === ".bss");
  assert.ok(bss !== undefined);
  const counter = program.elf!.symbols.find((symbol) => symbol.name === "kernel_drops")!;
  assert.equal(memory.load(BigInt(bss.address + counter.value), 8), 2n);
});

Deno.test("maps are left to the caller", () => {
  const bytes = new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "firewall.o")));
  const program = loadProgram(bytes);
  const memory = new GuestMemory(program.order);
  const vm = Vm.loadSync(program, { memory, resolve: globalData(program, memory) });
  const { fault } = vm.run({ function: "is_blocked" });
  assert.equal(fault?.kind, "unresolved-symbol");
  assert.match(fault.message, /blocked/);
});
