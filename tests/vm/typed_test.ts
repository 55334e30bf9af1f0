/**
 * Typed maps: every kind of type both ways, values per CPU, references, queues, JSON, and types that lie.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { EpassError } from "../../lib/errors.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { planMap } from "../../lib/object/map_plan.ts";
import { readMaps } from "../../lib/object/maps.ts";
import { MapTable } from "../../lib/vm/maps/table.ts";
import { GuestMemory } from "../../lib/vm/memory.ts";
import { mapFromJson, mapToJson } from "../../lib/vm/typed_json.ts";
import { type TypedMap, typedMaps } from "../../lib/vm/typed_map.ts";
import { ROOT } from "../support.ts";
import { plan } from "./maps/support.ts";

/** The maps of testdata/objects/typed.c. */
function maps(cpus = 2): Readonly<Record<string, TypedMap>> {
  const bytes = new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "typed.o")));
  const { elf } = loadProgram(bytes);
  assert.ok(elf !== null);
  const table = new MapTable(new GuestMemory("little"), cpus);
  for (const map of readMaps(elf)) table.create(planMap(map, elf), elf.btf);
  return typedMaps(table, new Map([["touch", 0x8000_0008]]));
}

const KEY = { source: 0x0a000001, port: 443, protocol: 6, name: "eth0" };

const VALUE = {
  lock: { val: 0 },
  negative: -7,
  big: 0xffff_ffff_ffff_fffen,
  big_negative: -(2n ** 63n),
  flag: true,
  name: "héllo",
  mac: Uint8Array.of(1, 2, 3, 4, 5, 255),
  state: "STATE_ERROR",
  color: "GREEN",
  nested: [{ x: -300, y: -1 }, { x: 300, y: 127 }],
  word: 0x0403_0201,
  bytes: Uint8Array.of(1, 2, 3, 4),
  either: { number: 0x3f80_0000, real: 1 },
  low: 5,
  middle: -64,
  high: 0x3f_fffe,
  pointer: 0xffff_8880_0000_1000n,
  ratio: 0.1,
  matrix: [[1, 2, 3], [4, 5, 0xffff_ffff]],
};

Deno.test("a value of every kind of type is encoded and decoded", () => {
  const { flows } = maps();
  flows.set(KEY, VALUE);
  assert.deepEqual(flows.get(KEY), VALUE);
  assert.deepEqual([...flows], [[KEY, VALUE]]);
  assert.equal(flows.size, 1);
});

Deno.test("members that are left out are zeros; the lock reads as zero", () => {
  const { flows } = maps();
  flows.set(KEY, { lock: { val: 9 }, state: 17, either: { real: 2 }, name: "a" });
  const value = flows.get(KEY) as typeof VALUE;
  assert.deepEqual(value.lock, { val: 0 });
  assert.equal(value.state, 17);
  assert.equal(value.either.number, 0x4000_0000);
  assert.equal(value.name, "a");
  assert.equal(value.big, 0n);
});

Deno.test("text that is no padded string is bytes", () => {
  const { flows } = maps();
  const name = Uint8Array.of(65, 0, 66, 0, 0, 0, 0, 0);
  flows.set(KEY, { name });
  assert.deepEqual((flows.get(KEY) as { name: unknown }).name, name);
  flows.set(KEY, { name: Uint8Array.of(255, 255, 0, 0, 0, 0, 0, 0) });
  assert.ok((flows.get(KEY) as { name: unknown }).name instanceof Uint8Array);
});

Deno.test("what does not fit a type is refused with its place", () => {
  const { flows, untyped } = maps();
  const refused: readonly [unknown, RegExp][] = [
    [{ negative: 2 ** 32 }, /value of map flows\.negative: 4294967296 exceeds 32 bits/],
    [{ low: 8 }, /flows\.low: 8 exceeds 3 bits/],
    [{ nested: [{ x: 1 }, { z: 1 }] }, /flows\.nested\[1\]: there is no member z/],
    [{ name: "123456789" }, /flows\.name: 9 bytes exceed its 8/],
    [{ state: "STATE_CLOSED" }, /flows\.state: "STATE_CLOSED" is not an integer/],
    [{ matrix: [[1], [2], [3]] }, /flows\.matrix: it is not a list of at most 2/],
    [{ ratio: [1, 2, 3, 4, 5, 6, 7, 8, 9] }, /flows\.ratio: 9 bytes exceed its 8/],
    [{ mac: [1, 300] }, /flows\.mac\[1\]: 300 is not a byte/],
    [7, /flows: 7 has no members/],
  ];
  for (const [value, message] of refused) {
    assert.throws(() => flows.set(KEY, value as never), (error) => {
      assert.ok(error instanceof EpassError);
      assert.match(error.message, message);
      return true;
    });
  }
  assert.throws(() => untyped.set(70_000, 1), /exceeds 16 bits/);
  assert.throws(() => untyped.set(Uint8Array.of(1), 1), /it has 1 bytes instead of 2/);
});

Deno.test("without types, bytes; numbers are accepted", () => {
  const { untyped } = maps();
  untyped.set(0x0102, 0x01020304n);
  untyped.set([3, 4], [1, 2, 3, 4]);
  assert.deepEqual(untyped.get(0x0102), Uint8Array.of(4, 3, 2, 1));
  assert.deepEqual(untyped.get(Uint8Array.of(3, 4)), Uint8Array.of(1, 2, 3, 4));
  assert.equal(untyped.get(9), undefined);
  assert.equal(untyped.delete(0x0102), true);
  assert.equal(untyped.delete(0x0102), false);
});

Deno.test("a per-CPU map has a value for each CPU", () => {
  const { counts } = maps(3);
  counts.set(1, [1n, -2, "3"]);
  assert.deepEqual(counts.get(1), [1n, -2n, 3n]);
  counts.setOnCpu(1, 2, 30n);
  assert.equal(counts.getOnCpu(1, 2), 30n);
  assert.equal(counts.getOnCpu(1, 0), 1n);
  assert.throws(() => counts.set(1, [1n]), /not a list of 3/);
  assert.throws(() => counts.setOnCpu(1, 3, 1n), /no value on CPU 3/);
  assert.equal([...counts.keys()].length, 4);
});

Deno.test("failures carry the kernel's error number", () => {
  const { counts, first } = maps();
  assert.throws(() => counts.set(4, [1, 2]), /cannot update map counts: E2BIG/);
  assert.throws(() => first.delete(0), /cannot delete from map first: EINVAL/);
  assert.throws(() => first.set(0, 1, 1), /cannot update map first: EEXIST/);
});

Deno.test("a map of maps holds maps by name", () => {
  const { outer, first } = maps();
  outer.set(1, "first");
  assert.equal(outer.get(1), "first");
  assert.equal(outer.get(0), undefined);
  first.set(0, 77);
  assert.equal(outer.inner(1)?.get(0), 77);
  assert.equal(outer.inner(0), undefined);
  assert.throws(() => outer.set(0, "flows"), /EINVAL/);
  assert.throws(() => outer.set(0, "nothing"), /"nothing" is not an integer/);
});

Deno.test("an array of programs holds programs by name", () => {
  const table = new MapTable(new GuestMemory("little"));
  table.create(plan("prog_array", 4, 4, 3, { name: "jumps" }));
  const { jumps } = typedMaps(table, new Map([["a", 0x8000_0000], ["b", 0x8000_0010]]));
  jumps.set(2, "b");
  assert.deepEqual([...jumps], [[Uint8Array.of(2, 0, 0, 0), "b"]]);
});

Deno.test("a queue is pushed, popped and listed", () => {
  const { waiting } = maps();
  for (let x = 1; x <= 3; x++) waiting.push({ x, y: 0 });
  assert.throws(() => waiting.push({ x: 4 }), /cannot push to map waiting: E2BIG/);
  waiting.push({ x: 4 }, 2);
  assert.deepEqual([...waiting.values()].map((v) => (v as { x: number }).x), [2, 3, 4]);
  assert.deepEqual(waiting.pop(), { x: 2, y: 0 });
  assert.equal(waiting.size, 2);
});

Deno.test("clear empties a hash and zeroes an array", () => {
  const { flows, first } = maps();
  flows.set(KEY, {});
  first.set(0, 5);
  flows.clear();
  first.clear();
  assert.deepEqual([flows.size, first.get(0)], [0, 0]);
});

Deno.test("maps go to JSON and back", () => {
  const from = maps(), to = maps();
  from.flows.set(KEY, VALUE);
  from.counts.set(3, [2n ** 60n, -1]);
  from.outer.set(1, "first");
  from.waiting.push({ x: 1, y: 2 });
  from.untyped.set(1, 2);
  for (const [name, map] of Object.entries(from)) {
    const text = JSON.stringify(mapToJson(map));
    mapFromJson(to[name], JSON.parse(text));
    assert.equal(JSON.stringify(mapToJson(to[name])), text, name);
  }
  assert.deepEqual(to.flows.get(KEY), VALUE);
  assert.match(JSON.stringify(mapToJson(to.counts)), /"1152921504606846976",-1/);
});

Deno.test("JSON by key", () => {
  const { first, counts } = maps();
  mapFromJson(first, { "0": 12 });
  mapFromJson(counts, { "2": [1, "2"] });
  assert.deepEqual([first.get(0), counts.get(2)], [12, [1n, 2n]]);
  assert.throws(() => mapFromJson(first, [1]), /element 0 of map first: it is not/);
  assert.throws(() => mapFromJson(first, [{ key: 0, value: null }]), /null is no value/);
  assert.throws(() => mapFromJson(first, 7), /it is not a list of elements/);
});

Deno.test("any bytes survive decoding and encoding", () => {
  const { flows } = maps();
  const { map } = flows;
  const key = new Uint8Array(map.keySize);
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: map.valueSize, maxLength: map.valueSize }),
      (bytes) => {
        map.write(key, bytes);
        const value = flows.get(key) as typeof VALUE;
        // A NaN has many patterns.
        fc.pre(!Number.isNaN(value.either.real));
        flows.clear();
        flows.set(key, value);
        assert.deepEqual(flows.get(key), value);
      },
    ),
    { seed: 4, numRuns: 300 },
  );
});
