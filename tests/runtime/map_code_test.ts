/**
 * Map operations as IR code against the helpers: the same random operations on two sandboxes, every result and all of the
 * maps' memory compared; what hostile memory makes of them; the code as text.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileModule } from "../../lib/compile.ts";
import { Builder } from "../../lib/ir/builder.ts";
import { assertValid } from "../../lib/ir/check.ts";
import { type Block, IrFunction, Terminator } from "../../lib/ir/function.ts";
import { inlineCalls } from "../../lib/ir/inline.ts";
import type { IrModule } from "../../lib/ir/module.ts";
import { printModule } from "../../lib/ir/print.ts";
import { helperByName } from "../../lib/isa/helpers.ts";
import type { MapPlan } from "../../lib/object/map_plan.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { VM_PIPELINE } from "../../lib/passes/pipeline.ts";
import { runPasses } from "../../lib/passes/run.ts";
import { arrayLookup, arrayUpdate } from "../../lib/runtime/array_code.ts";
import { hashDelete, hashLookup, hashUpdate } from "../../lib/runtime/hash_code.ts";
import { trieLookup } from "../../lib/runtime/trie_code.ts";
import { translate } from "../../lib/vm/code.ts";
import { Environment } from "../../lib/vm/environment.ts";
import { bindHelpers } from "../../lib/vm/helpers/registry.ts";
import { MapBodies } from "../../lib/vm/inline_maps.ts";
import { Interpreter, type Outcome } from "../../lib/vm/interpreter.ts";
import type { GuestMap } from "../../lib/vm/maps/map.ts";
import { MapTable } from "../../lib/vm/maps/table.ts";
import { GUEST_BASE, GuestMemory } from "../../lib/vm/memory.ts";
import { ROOT } from "../support.ts";
import { Dice, plan } from "../vm/maps/support.ts";

/** What the code returns in the place of a trap, which eBPF lacks. */
const TRAPPED = 0xdeadn;

/** The operations, by the index of their function. */
const OPERATIONS = [
  { helper: "map_lookup_elem", flags: null },
  { helper: "map_update_elem", flags: 0 },
  { helper: "map_update_elem", flags: 1 },
  { helper: "map_update_elem", flags: 2 },
  { helper: "map_delete_elem", flags: null },
] as const;

/** A function of the addresses of key and value that does an operation. */
function operation(map: GuestMap, { helper, flags }: (typeof OPERATIONS)[number]): IrFunction {
  const fn = new IrFunction(`${helper}_${flags ?? ""}`);
  const b = new Builder(fn).atEnd(fn.newBlock());
  const [key, value] = [b.param(), b.param()];
  const handle = fn.constant(map.handle);
  const args = flags === null ? [handle, key] : [handle, key, value, fn.constant(flags)];
  b.ret(b.call({ kind: "helper", id: helperByName(helper)!.id }, args));
  return fn;
}

function withoutTraps(fn: IrFunction): void {
  const give = (block: Block) => {
    if (block.term?.op !== "trap") return;
    block.term = new Terminator("return", [fn.constant(TRAPPED)]);
  };
  fn.blocks.forEach(give);
}

const moduleOf = (bodies: readonly IrFunction[]): IrModule => ({
  order: "little",
  functions: bodies.map((body) => ({
    name: body.name,
    section: "code",
    global: true,
    subprogram: false,
    params: 2,
    body,
  })),
});

/** A sandbox with one map, and room for a key and a value. */
class Bench {
  readonly memory = new GuestMemory("little");
  readonly map: GuestMap;
  readonly key: number;
  readonly value: number;
  readonly environment: Environment;
  readonly #interpreter: Interpreter;
  /** Calls that were inlined. */
  readonly inlined: number = 0;

  constructor(mapPlan: MapPlan, inline: boolean, cpus = 1) {
    const maps = new MapTable(this.memory, cpus);
    this.map = maps.create(mapPlan);
    this.environment = new Environment(this.memory, maps, { cpu: cpus - 1 });
    this.key = this.memory.allocate("the key", 128).address;
    this.value = this.memory.allocate("the value", 128).address;
    const bodies = new MapBodies(maps);
    const functions = OPERATIONS.map((op) => operation(this.map, op));
    for (const fn of inline ? functions : []) {
      if (inlineCalls(fn, (call) => bodies.bodyOf(call))) this.inlined++;
      assertValid(fn);
      withoutTraps(fn);
    }
    const code = translate(compileModule(moduleOf(functions)), () => null);
    const helpers = bindHelpers(this.environment);
    this.#interpreter = new Interpreter(code, this.memory, helpers, new Map());
  }

  run(index: number, key: Uint8Array, value: Uint8Array): Outcome {
    this.memory.bytes.set(key, this.key - GUEST_BASE);
    this.memory.bytes.set(value, this.value - GUEST_BASE);
    return this.at(index, this.key, this.value);
  }

  at(index: number, key: number, value: number): Outcome {
    this.#interpreter.start(index, [BigInt(key), BigInt(value)], 100_000);
    return this.#interpreter.run();
  }

  /** The memory of the map. */
  get storage(): string {
    const regions = this.memory.regions.filter(({ name }) => name.startsWith("map "));
    return regions.map((region) => this.memory.contents(region).toHex()).join("\n");
  }
}

const PLANS: readonly (readonly [MapPlan, cpus: number, inlined: number])[] = [
  [plan("array", 4, 8, 16), 1, 4],
  [plan("array", 4, 13, 1), 1, 4],
  [plan("array", 4, 72, 3), 1, 1],
  [plan("percpu_array", 4, 8, 7), 3, 4],
  [plan("percpu_array", 4, 8, 7), 1, 4],
  [plan("hash", 4, 8, 40), 1, 5],
  [plan("hash", 8, 4, 40, { flags: 1 }), 1, 5],
  [plan("hash", 16, 16, 40), 1, 5],
  [plan("hash", 3, 5, 40), 1, 5],
  [plan("hash", 13, 12, 2000), 1, 5],
  [plan("hash", 64, 64, 40), 1, 5],
  [plan("hash", 4, 72, 40), 1, 1],
  [plan("hash", 72, 8, 40), 1, 0],
  [plan("percpu_hash", 4, 8, 40), 2, 5],
  [plan("percpu_hash", 4, 8, 40), 1, 5],
  [plan("lru_hash", 4, 8, 40), 1, 5],
  [plan("lru_percpu_hash", 6, 8, 40), 2, 5],
  [plan("lpm_trie", 5, 8, 300), 1, 1],
  [plan("lpm_trie", 8, 8, 300), 1, 1],
  [plan("lpm_trie", 11, 3, 300), 1, 1],
  [plan("lpm_trie", 12, 8, 300), 1, 1],
  [plan("lpm_trie", 20, 8, 300), 1, 0],
];

function randomKey({ map }: Bench, dice: Dice): Uint8Array {
  const key = new Uint8Array(map.keySize);
  if (map.typeName === "lpm_trie") {
    const bytes = map.keySize - 4;
    key.set(dice.bytes(bytes).map((byte) => dice.pick([0, 0x80, 0xff, byte & 0xc1])), 4);
    key[0] = dice.below(8 * bytes + 2);
    return key;
  }
  const spread = map.typeName.includes("array") ? map.maxEntries + 2 : 2 * map.maxEntries;
  new DataView(key.buffer).setUint16(0, dice.below(spread), true);
  if (key.length > 3) key[key.length - 1] = dice.below(2);
  return key;
}

for (const [mapPlan, cpus, inlined] of PLANS) {
  const { name, keySize, valueSize, maxEntries } = mapPlan;
  Deno.test(`code and helper agree: ${name} ${keySize}/${valueSize} of ${maxEntries}, CPUs ${cpus}`, () => {
    for (const seed of [1, 2]) {
      const helper = new Bench(mapPlan, false, cpus), code = new Bench(mapPlan, true, cpus);
      assert.equal(code.inlined, inlined);
      const dice = new Dice(seed);
      for (let i = 0; i < 3 * Math.min(maxEntries, 300); i++) {
        const index = dice.pick([0, 0, 1, 1, 1, 2, 3, 4]);
        const key = randomKey(helper, dice), value = dice.bytes(valueSize);
        const [wanted, got] = [helper, code].map((bench) => bench.run(index, key, value));
        const what = `seed ${seed}, operation ${i}: ${OPERATIONS[index].helper}`;
        assert.deepEqual(got.fault, wanted.fault, what);
        assert.equal(got.returnValue, wanted.returnValue, what);
      }
      assert.equal(code.map.size, helper.map.size);
      assert.equal(code.storage, helper.storage, `seed ${seed}`);
    }
  });
}

Deno.test("bad key and value pointers fault alike", () => {
  const pointers = [0, 4, GUEST_BASE - 4, 0x7fff_0000, 0xc000_0000, 2 ** 40];
  for (const size of [4, 12, 16]) {
    const [helper, code] = [false, true].map((inline) =>
      new Bench(plan("hash", size, size, 8), inline)
    );
    for (const pointer of pointers) {
      OPERATIONS.forEach((_, index) => {
        for (const [key, value] of [[pointer, helper.value], [helper.key, pointer]]) {
          const [wanted, got] = [helper, code].map((bench) => bench.at(index, key, value));
          assert.equal(got.fault?.kind, wanted.fault?.kind, `0x${pointer.toString(16)}`);
          assert.equal(got.returnValue, wanted.returnValue);
        }
      });
    }
  }
});

Deno.test("a table that a program makes small again and again is not doubled without end", () => {
  const bench = new Bench(plan("hash", 4, 8, 100_000), false);
  const value = new Uint8Array(8);
  const key = (i: number) => Uint8Array.of(i, i >> 8, 0, 0);
  for (let i = 0; i < 2000; i++) assert.equal(bench.run(1, key(i), value).fault, null);
  const header = bench.memory.regions.find(({ name }) => name.startsWith("map "))!;
  bench.memory.view.setUint32(header.address - GUEST_BASE + 4, 0, true);
  assert.match(bench.run(1, key(2000), value).fault!.message, /its storage was overwritten/);
});

Deno.test("a value may be where the new element will be: that of an element just deleted", () => {
  for (const mapPlan of [plan("hash", 4, 16, 8), plan("percpu_hash", 4, 16, 8)]) {
    for (const shift of [0, 4, -4]) {
      const contents = [false, true].map((inline) => {
        const bench = new Bench(mapPlan, inline, 2);
        const value = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
        bench.run(1, Uint8Array.of(1, 0, 0, 0), value);
        const address = Number(bench.run(0, Uint8Array.of(1, 0, 0, 0), value).returnValue);
        bench.run(4, Uint8Array.of(1, 0, 0, 0), value);
        bench.memory.bytes[bench.key - GUEST_BASE] = 2;
        assert.equal(bench.at(1, bench.key, address + shift).returnValue, 0n);
        const found = Number(bench.run(0, Uint8Array.of(2, 0, 0, 0), value).returnValue);
        return bench.memory.slice(BigInt(found), 16, false).toHex();
      });
      assert.equal(contents[0], contents[1], `${mapPlan.name}, ${shift}`);
      if (shift === 0) assert.equal(contents[0], "0102030405060708090a0b0c0d0e0f10");
    }
  }
});

/** Overwrites the storage of a map as a hostile program may. */
function corrupt(bench: Bench, dice: Dice): void {
  const regions = bench.memory.regions.filter(({ name }) => name.startsWith("map "));
  const { view } = bench.memory;
  const some = dice.pick(regions);
  const at = some.address - GUEST_BASE + 4 * dice.below(Math.min(some.size, 256) >> 2);
  const address = dice.pick(regions).address + 8 * dice.below(64);
  view.setUint32(at, dice.pick([0, 1, 0xffff_ffff, 0x7fff_fff0, address, address]), true);
}

Deno.test("a map that a program overwrote gives the same wrong answers or faults, and ends", () => {
  for (let seed = 1; seed <= 150; seed++) {
    const mapPlan = plan("hash", 4, 8, 20);
    const helper = new Bench(mapPlan, false), code = new Bench(mapPlan, true);
    const dice = new Dice(seed);
    for (let i = 0; i < 60; i++) {
      const index = dice.below(OPERATIONS.length);
      const key = randomKey(helper, dice), value = dice.bytes(8);
      if (i > 20) {
        const corruption = dice.below(1 << 30);
        for (const bench of [helper, code]) corrupt(bench, new Dice(corruption));
      }
      const [wanted, got] = [helper, code].map((bench) => bench.run(index, key, value));
      const what = `seed ${seed}, operation ${i}: ${OPERATIONS[index].helper}`;
      if (got.returnValue === TRAPPED) assert.equal(wanted.fault?.kind, "helper", what);
      else {
        assert.equal(got.fault?.kind, wanted.fault?.kind, what);
        assert.equal(got.returnValue, wanted.returnValue, what);
      }
      if (wanted.fault !== null) break;
    }
  }
});

Deno.test("the map outlives what a program writes over it, from outside, too", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const size = seed % 3 === 0 ? 8 : 4;
    const bench = new Bench(plan(["lpm_trie", "lru_hash", "hash"][seed % 3], size, 8, 20), false);
    const { map } = bench;
    const dice = new Dice(seed);
    for (let i = 0; i < 40; i++) {
      if (i > 10) corrupt(bench, dice);
      try {
        const key = randomKey(bench, dice);
        map.write(key, dice.bytes(8));
        map.read(key);
        map.remove(randomKey(bench, dice));
        assert.ok([...map.keys()].length <= 81);
      } catch (error) {
        assert.equal((error as Error).name, "GuestFault");
        break;
      }
    }
  }
});

Deno.test("a look-up that is in bounds and checked for null becomes its address", () => {
  const fn = parseModule(`epir 1
function f
b0(v0):
  v1 = and.64 v0, 15
  store.u32 fp - 4, v1
  v2 = add.64 fp, -4
  v3 = call map_lookup_elem(0xc0000000, v2)
  branch.64.eq v3, 0, b1, b2
b1:
  return 0
b2:
  v4 = load.u64 v3
  return v4
`).functions[0].body as IrFunction;
  const maps = new MapTable(new GuestMemory("little"));
  maps.create(plan("array", 4, 8, 16));
  const bodies = new MapBodies(maps);
  assert.ok(inlineCalls(fn, (call) => bodies.bodyOf(call)));
  const environment = { target: "vm", cpu: 4, order: "little", kernelHelpers: true } as const;
  runPasses(fn, VM_PIPELINE, environment, { check: true });
  assert.deepEqual(fn.blocks.map(({ insns }) => insns.map(({ op }) => op)), [
    ["alu", "alu", "alu", "load"],
  ]);
});

Deno.test("the code as text", () => {
  const golden = join(ROOT, "testdata", "runtime", "maps.epir");
  const array = { base: 0x2_0000, valueSize: 8, stride: 8, cpuStride: 0, maxEntries: 16 };
  const small = {
    header: 0x2_0000,
    keySize: 4,
    valueSize: 8,
    valueOffset: 16,
    cpuStride: 0,
    maxEntries: 40,
    inPlace: false,
    evicts: false,
  };
  const odd = { ...small, keySize: 13, valueSize: 12, valueOffset: 24 };
  const text = printModule(moduleOf([
    arrayLookup(array),
    arrayLookup({ ...array, cpuStride: 128 }),
    arrayUpdate(array, 0),
    hashLookup(small),
    hashLookup({ ...small, evicts: true }),
    hashUpdate(small, 0),
    hashUpdate(small, 1),
    hashDelete(small),
    hashLookup(odd),
    hashUpdate(odd, 2),
    trieLookup({ header: 0x2_0000, dataSize: 4, valueOffset: 24 }),
  ]));
  if (Deno.env.get("EPASS_UPDATE") === "1") writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, "utf8"));
});
