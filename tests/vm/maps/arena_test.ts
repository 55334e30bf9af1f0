/**
 * Programs with an arena: its variables, its pages, the same on every engine.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ENGINES } from "../../../lib/vm/engine.ts";
import { ArenaMap } from "../../../lib/vm/maps/arena.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { SHARED, testWith } from "../../support.ts";

const object = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(join(SHARED, "corpus", "objects", "linux612-selftests", name)));

testWith("shared", "the variables of an arena are at its start", () => {
  const vm = Vm.loadSync(object("arena_atomics.bpf.o"), {
    missing: "call",
    variables: { add32_value: 77 },
  });
  const { map } = vm.map("arena");
  assert.ok(map instanceof ArenaMap);
  const view = new DataView(vm.memory.slice(BigInt(map.address), 24, false).slice().buffer);
  assert.deepEqual([view.getBigUint64(0, true), view.getUint32(16, true)], [1n, 77]);
  assert.equal(map.size, 1);
});

testWith("shared", "a hash table of a program in an arena is built alike on every engine", () => {
  const built = ENGINES.map((engine) => {
    const vm = Vm.loadSync(object("arena_htab.bpf.o"), { engine, missing: "call" });
    const { returnValue, fault } = vm.program("arena_htab_llvm").run();
    assert.equal(fault, null);
    assert.equal(returnValue, 0n);
    const { map } = vm.map("arena");
    assert.ok(map instanceof ArenaMap);
    assert.ok(map.size > 1);
    return vm.memory.slice(BigInt(map.address), 4096 * map.maxEntries, false).toHex();
  });
  assert.equal(new Set(built).size, 1);
});
