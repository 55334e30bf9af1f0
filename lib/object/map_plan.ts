/**
 * A map as a loader creates it, from a definition in an object: sizes that a kernel accepts, and first contents.
 *
 * @module
 */

import type { ElfObject } from "./elf_object.ts";
import { MAP_FLAG, MAP_TYPES } from "./kernel_names.ts";
import type { MapDefinition } from "./maps.ts";

/** A map to create. Sizes are in bytes. */
export interface MapPlan {
  /** Its name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity. */
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** Id of the key's type in the object's BTF; 0 if unknown. */
  readonly keyType: number;
  /** Id of the value's type in the object's BTF; 0 if unknown. */
  readonly valueType: number;
  /** What the maps that it holds look like; null if it holds none. */
  readonly inner: MapPlan | null;
  /** The first bytes of its first value; null to leave it zero. */
  readonly contents: Uint8Array | null;
  /** Its contents never change, so that a verifier may read them. */
  readonly frozen: boolean;
}

/** Most entries of a hash: objects in the wild ask for millions, which the kernel may allocate at once. */
const MAX_HASH_ENTRIES = 65_536;

/** Entries of a map whose capacity its loader would fill in. */
const DEFAULT_ENTRIES = 64;

/** Bytes of a ring buffer whose capacity its loader would fill in. */
const DEFAULT_RING_BYTES = 65_536;

const HASHES: ReadonlySet<string> = new Set(
  ["hash", "percpu_hash", "lru_hash", "lru_percpu_hash", "lpm_trie", "sockhash", "devmap_hash"],
);

/** Map types whose capacity is always 0. */
const WITHOUT_CAPACITY: ReadonlySet<string> = new Set(
  ["sk_storage", "inode_storage", "task_storage", "cgrp_storage", "cgroup_storage"],
);

const INNER_OF_UNKNOWN: MapPlan = {
  name: "inner",
  type: MAP_TYPES.indexOf("array"),
  keySize: 4,
  valueSize: 4,
  maxEntries: 1,
  flags: 0,
  keyType: 0,
  valueType: 0,
  inner: null,
  contents: null,
  frozen: false,
};

/**
 * The capacity that a map is created with.
 *
 * @param type BPF_MAP_TYPE_*.
 * @param maxEntries Capacity by its definition; 0 if it is filled in at load.
 * @returns A capacity that the kernel accepts.
 */
export function plannedEntries(type: number, maxEntries: number): number {
  const name = MAP_TYPES[type] ?? "";
  if (WITHOUT_CAPACITY.has(name) || name === "percpu_cgroup_storage") return 0;
  if (maxEntries === 0) return name.endsWith("ringbuf") ? DEFAULT_RING_BYTES : DEFAULT_ENTRIES;
  return HASHES.has(name) ? Math.min(maxEntries, MAX_HASH_ENTRIES) : maxEntries;
}

/**
 * Plans a map.
 *
 * @param definition Its definition.
 * @param object The object that holds it.
 * @returns How to create it.
 */
export function planMap(definition: MapDefinition, object: ElfObject): MapPlan {
  const { name, type, keySize, valueSize, flags, keyType, valueType, style } = definition;
  const holdsMaps = (MAP_TYPES[type] ?? "").endsWith("_of_maps");
  const section = object.sections[definition.section];
  const isData = style === "data" && section !== undefined;
  return {
    name,
    type,
    keySize,
    valueSize,
    maxEntries: plannedEntries(type, definition.maxEntries),
    flags,
    keyType,
    valueType,
    inner: !holdsMaps
      ? null
      : definition.inner === null
      ? INNER_OF_UNKNOWN
      : planMap(definition.inner, object),
    contents: isData && section.bytes.length > 0 ? section.bytes : null,
    frozen: isData && (flags & MAP_FLAG.RDONLY_PROG) !== 0,
  };
}
