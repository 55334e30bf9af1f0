/**
 * What is in the maps of a loaded program: to compare two versions after the same runs, and to fill them alike before.
 *
 * @module
 */

import { MAP_TYPES } from "../object/kernel_names.ts";
import type { Bpf } from "./bpf.ts";
import type { LoadedMap } from "./loaded.ts";
import { buffer } from "./native.ts";
import type { Random } from "../random_input.ts";

/** Map types whose elements can be read all at once. */
const READABLE: ReadonlySet<string> = new Set(
  ["hash", "array", "percpu_hash", "percpu_array", "lru_hash", "lru_percpu_hash", "lpm_trie"],
);

/** Most bytes of a map that is compared. */
const MAX_BYTES = 1 << 26;

/** Elements that {@link seedMaps} puts into a map. */
const SEEDED_ELEMENTS = 16;

const typeName = ({ type }: LoadedMap): string => MAP_TYPES[type] ?? "";

/** Bytes of a value as the system call passes it: maps with one for each processor pass all. */
function passedSize(map: LoadedMap, processors: number): number {
  return typeName(map).includes("percpu") ? ((map.valueSize + 7) & ~7) * processors : map.valueSize;
}

/** Reorders elements by key, since the order of a hash is random. */
function sortedElements(keys: Uint8Array, values: Uint8Array, count: number, map: LoadedMap) {
  const [k, v] = [map.keySize, values.length / map.maxEntries];
  const order = Array.from({ length: count }, (_, i) => i).sort((a, b) => {
    for (let i = 0; i < k; i++) {
      const difference = keys[a * k + i] - keys[b * k + i];
      if (difference !== 0) return difference;
    }
    return 0;
  });
  const sorted = new Uint8Array(count * (k + v));
  order.forEach((element, i) => {
    sorted.set(keys.subarray(element * k, (element + 1) * k), i * (k + v));
    sorted.set(values.subarray(element * v, (element + 1) * v), i * (k + v) + k);
  });
  return sorted;
}

/**
 * Reads a map.
 *
 * @param bpf The system call.
 * @param map The map.
 * @param processors How many processors the kernel may have.
 * @returns Its elements in the order of their keys; null if it is of a kind that cannot be read, or too large.
 */
export function readMap(bpf: Bpf, map: LoadedMap, processors: number): Uint8Array | null {
  const valueSize = passedSize(map, processors);
  const { maxEntries, keySize } = map;
  if (!READABLE.has(typeName(map)) || maxEntries * (keySize + valueSize) > MAX_BYTES) return null;
  const keys = buffer(maxEntries * keySize);
  const values = buffer(maxEntries * valueSize);
  const count = bpf.maps.lookupAll(map.fd, keys, values, maxEntries);
  if (count < 0) return null;
  return typeName(map).endsWith("array") ? values : sortedElements(keys, values, count, map);
}

/**
 * Puts random elements into maps. Those of data sections keep what the program expects.
 *
 * @param bpf The system call.
 * @param maps The maps.
 * @param random Where the elements come from.
 * @param processors How many processors the kernel may have.
 */
export function seedMaps(
  bpf: Bpf,
  maps: readonly LoadedMap[],
  random: Random,
  processors: number,
): void {
  for (const map of maps) {
    if (!READABLE.has(typeName(map)) || map.name.includes(".")) continue;
    const isArray = typeName(map).endsWith("array");
    for (let i = 0; i < Math.min(SEEDED_ELEMENTS, map.maxEntries); i++) {
      const key = isArray ? buffer(map.keySize) : random.bytes(map.keySize);
      if (isArray) key[0] = i;
      const value = random.bytes(passedSize(map, processors));
      // A value with a lock or a timer is refused, here and in the other version.
      bpf.maps.update(map.fd, key, value);
    }
  }
}
