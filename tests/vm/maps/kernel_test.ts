/**
 * Maps against those of the running kernel: the same random operations from outside through bpf(2), every result compared,
 * and the contents at the end.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Bpf } from "../../../lib/kernel/bpf.ts";
import { buffer, Native } from "../../../lib/kernel/native.ts";
import type { MapPlan } from "../../../lib/object/map_plan.ts";
import { mapTypeName } from "../../../lib/object/kernel_names.ts";
import type { GuestMap } from "../../../lib/vm/maps/map.ts";
import { QueueMap } from "../../../lib/vm/maps/queue.ts";
import { testWith } from "../../support.ts";
import { Dice, plan, table } from "./support.ts";

/** Seeds of the operations of each plan. */
const SEEDS = [1, 2, 3];
/** Operations for each seed. */
const OPERATIONS = 600;

/** A map of the kernel and the one of the sandbox. */
interface Pair {
  readonly bpf: Bpf;
  readonly fd: number;
  readonly map: GuestMap;
  readonly outsideSize: number;
}

const native = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const copy = buffer(bytes.length);
  copy.set(bytes);
  return copy;
};

const hex = (bytes: Uint8Array): string =>
  [...bytes].map((b) => b.toString(16).padStart(2, "0")).join("");

/** The values without the padding between them, which the kernel leaves to chance. */
function significant({ map }: Pair, values: Uint8Array): string {
  const stride = values.length / map.copies;
  const parts = Array.from(
    { length: map.copies },
    (_, i) => hex(values.subarray(i * stride, i * stride + map.valueSize)),
  );
  return parts.join(" ");
}

function withPair(mapPlan: MapPlan, step: (pair: Pair) => void): void {
  const library = new Native();
  const bpf = new Bpf(library);
  const cpus = library.possibleProcessors();
  const fd = bpf.maps.create({ ...mapPlan, innerFd: 0, btfFd: 0, keyType: 0, valueType: 0 });
  try {
    assert.ok(fd > 0, `the kernel refuses ${mapPlan.name}: ${fd}`);
    const map = table(cpus).create(mapPlan);
    const outsideSize = map.perCpu ? Math.ceil(map.valueSize / 8) * 8 * cpus : map.valueSize;
    step({ bpf, fd, map, outsideSize });
  } finally {
    if (fd > 0) bpf.close(fd);
    library.close();
  }
}

function kernelRead({ bpf, fd, outsideSize }: Pair, key: Uint8Array): Uint8Array | number {
  const value = buffer(outsideSize);
  const status = bpf.maps.lookup(fd, native(key), value);
  return status < 0 ? status : value;
}

/** What the kernel holds, by key. */
function kernelContents(pair: Pair): string[] {
  const { bpf, fd, map } = pair;
  const lines: string[] = [];
  let key: Uint8Array<ArrayBuffer> | null = null;
  for (;;) {
    const next = buffer(map.keySize);
    if (bpf.maps.nextKey(fd, key, next) < 0) break;
    const value = kernelRead(pair, next);
    assert.ok(typeof value !== "number");
    lines.push(`${hex(next)}: ${significant(pair, value)}`);
    key = next;
  }
  return lines.sort();
}

function ownContents(pair: Pair): string[] {
  return [...pair.map.keys()].map((key) => {
    const value = pair.map.read(key);
    assert.ok(typeof value !== "number");
    return `${hex(key)}: ${significant(pair, value)}`;
  }).sort();
}

/** A random key: few different ones, so that operations meet. */
function randomKey({ map }: Pair, dice: Dice): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(map.keySize);
  const name = mapTypeName(map.type);
  if (name === "lpm_trie") {
    key.set(dice.bytes(map.keySize - 4).map((byte) => byte & 0xc1), 4);
    key[0] = dice.below(8 * (map.keySize - 4) + 2);
    return key;
  }
  const spread = name.endsWith("array") ? map.maxEntries + 3 : 2 * map.maxEntries;
  new DataView(key.buffer).setUint16(0, dice.below(spread), true);
  return key;
}

/** One operation on both; the results as text. */
function step(pair: Pair, dice: Dice): [what: string, kernel: string, own: string] {
  const { bpf, fd, map, outsideSize } = pair;
  const key = randomKey(pair, dice);
  const choice = dice.below(10);
  if (choice < 5) {
    const flags = dice.pick([0, 0, 0, 1, 2, 3, 4, 5, 8, 1000]);
    const value = dice.bytes(outsideSize);
    const kernel = bpf.maps.update(fd, native(key), native(value), flags);
    return [`update ${hex(key)} ${flags}`, `${kernel}`, `${map.write(key, value, flags)}`];
  }
  if (choice < 7) {
    return [`delete ${hex(key)}`, `${bpf.maps.delete(fd, native(key))}`, `${map.remove(key)}`];
  }
  const [kernel, own] = [kernelRead(pair, key), map.read(key)];
  const text = (value: Uint8Array | number): string =>
    typeof value === "number" ? `${value}` : significant(pair, value);
  return [`lookup ${hex(key)}`, text(kernel), text(own)];
}

/** Plans whose operations give the same in both; sizes that are no multiple of 8 among them. */
const PLANS: readonly MapPlan[] = [
  plan("array", 4, 8, 16),
  plan("array", 4, 13, 5),
  plan("percpu_array", 4, 8, 16),
  plan("percpu_array", 4, 5, 7),
  plan("hash", 4, 8, 16),
  plan("hash", 3, 7, 100),
  plan("hash", 16, 40, 64, { flags: 1 }),
  plan("hash", 37, 4, 50),
  plan("percpu_hash", 8, 8, 32),
  plan("percpu_hash", 6, 20, 20, { flags: 1 }),
  plan("lpm_trie", 8, 8, 40),
  plan("lpm_trie", 5, 3, 1000),
  plan("lpm_trie", 20, 16, 200),
];

for (const mapPlan of PLANS) {
  const { keySize, valueSize, maxEntries, flags } = mapPlan;
  const name = `${
    mapTypeName(mapPlan.type)
  } ${keySize}/${valueSize} of ${maxEntries}, flags ${flags}`;
  testWith("kernel", `map operations as the kernel's: ${name}`, () => {
    for (const seed of SEEDS) {
      withPair(mapPlan, (pair) => {
        const dice = new Dice(seed);
        for (let i = 0; i < OPERATIONS; i++) {
          const [what, kernel, own] = step(pair, dice);
          assert.equal(own, kernel, `seed ${seed}, operation ${i}: ${what}`);
        }
        assert.deepEqual(ownContents(pair), kernelContents(pair), `seed ${seed}`);
      });
    }
  });
}

/** One operation on two queues; the results as text. */
function queueStep({ bpf, fd }: Pair, map: QueueMap, dice: Dice): [kernel: string, own: string] {
  const value = dice.bytes(12), flags = dice.pick([0, 0, 0, 1, 2, 3, 4]);
  const none = buffer(0);
  if (dice.below(5) < 3) {
    return [`${bpf.maps.update(fd, none, native(value), flags)}`, `${map.push(value, flags)}`];
  }
  const take = dice.below(2) === 0;
  const found = buffer(12);
  const status = bpf.maps.lookup(fd, none, found, take);
  const own = take ? map.pop() : map.peek();
  return [status < 0 ? `${status}` : hex(found), typeof own === "number" ? `${own}` : hex(own)];
}

for (const type of ["queue", "stack"]) {
  testWith("kernel", `map operations as the kernel's: ${type}`, () => {
    for (const seed of SEEDS) {
      withPair(plan(type, 0, 12, 9), (pair) => {
        const { map } = pair;
        assert.ok(map instanceof QueueMap);
        const dice = new Dice(seed);
        for (let i = 0; i < OPERATIONS; i++) {
          const [kernel, own] = queueStep(pair, map, dice);
          assert.equal(own, kernel, `seed ${seed}, operation ${i}`);
        }
      });
    }
  });
}

/** Maps of references: kind of elements, how to make an element that each accepts, and one that it does not. */
const REFERENCE_PLANS: readonly MapPlan[] = [
  plan("devmap", 4, 4, 6),
  plan("devmap", 4, 8, 6),
  plan("devmap_hash", 4, 8, 6),
  plan("cpumap", 4, 4, 6),
];

/** The interface that every kernel has. */
const LOOPBACK = 1;

/** A value that both take, or that removes the element. */
function reference({ map }: Pair, dice: Dice): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(map.valueSize);
  const number = map.typeName === "cpumap" ? dice.pick([64, 192, 0]) : dice.pick([LOOPBACK, 0]);
  new DataView(value.buffer).setUint32(0, number, true);
  return value;
}

function referenceStep(pair: Pair, dice: Dice): [what: string, kernel: string, own: string] {
  const { bpf, fd, map } = pair;
  // A processor's queue can only be made for one that there is.
  const key = native(
    map.typeName === "cpumap"
      ? Uint8Array.of(dice.pick([0, 6, 9]), 0, 0, 0)
      : Uint8Array.of(dice.below(8), 0, 0, 0),
  );
  const choice = dice.below(10);
  if (choice < 5) {
    const flags = dice.pick([0, 0, 0, 1, 2, 3, 8]);
    const value = reference(pair, dice);
    const kernel = bpf.maps.update(fd, key, native(value), flags);
    return [
      `update ${hex(key)} ${hex(value)} ${flags}`,
      `${kernel}`,
      `${map.write(key, value, flags)}`,
    ];
  }
  if (choice < 7) {
    return [`delete ${hex(key)}`, `${bpf.maps.delete(fd, key)}`, `${map.remove(key)}`];
  }
  const [kernel, own] = [kernelRead(pair, key), map.read(key)];
  const text = (value: Uint8Array | number): string =>
    typeof value === "number" ? `${value}` : significant(pair, value);
  return [`lookup ${hex(key)}`, text(kernel), text(own)];
}

for (const mapPlan of REFERENCE_PLANS) {
  const name = `${mapTypeName(mapPlan.type)} with values of ${mapPlan.valueSize}`;
  testWith("kernel", `map operations as the kernel's: ${name}`, () => {
    for (const seed of SEEDS) {
      withPair(mapPlan, (pair) => {
        const dice = new Dice(seed);
        for (let i = 0; i < 200; i++) {
          const [what, kernel, own] = referenceStep(pair, dice);
          assert.equal(own, kernel, `seed ${seed}, operation ${i}: ${what}`);
        }
      });
    }
  });
}
