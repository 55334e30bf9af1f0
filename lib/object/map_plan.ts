/**
 * A map as a loader creates it, from a definition in an object: sizes that a kernel accepts, and first contents.
 *
 * @module
 */

import type { ElfObject } from "./elf_object.ts";
import { MAP_FLAG, MAP_TYPES } from "./kernel_names.ts";
import type { MapDefinition } from "./maps.ts";

/** What a loader can change about a map. Sizes are in bytes. */
export interface MapSizes {
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity. */
  readonly maxEntries: number;
}

/** A map to create. */
export interface MapPlan extends MapSizes {
  /** Its name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** What only some types take: hash functions of a bloom filter, the address of an arena; 0 by default. */
  readonly extra?: bigint;
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

const INNER_OF_UNKNOWN: MapPlan = {
  name: "inner",
  type: MAP_TYPES.indexOf("array"),
  keySize: 4,
  valueSize: 65_536,
  maxEntries: 1,
  flags: 0,
  keyType: 0,
  valueType: 0,
  inner: null,
  contents: null,
  frozen: false,
};

function plannedEntries(name: string, maxEntries: number): number {
  if (name.endsWith("_storage")) return 0;
  if (maxEntries === 0) return name.endsWith("ringbuf") ? DEFAULT_RING_BYTES : DEFAULT_ENTRIES;
  return HASHES.has(name) ? Math.min(maxEntries, MAX_HASH_ENTRIES) : maxEntries;
}

/**
 * The sizes that a map is created with: where its definition leaves them to the loader, or says what only another loader
 * than libbpf understands, sizes that the kernel accepts.
 *
 * @param type BPF_MAP_TYPE_*.
 * @param sizes Sizes by its definition.
 * @returns Sizes that the kernel accepts.
 */
export function plannedSizes(type: number, sizes: MapSizes): MapSizes {
  const name = MAP_TYPES[type] ?? "";
  const maxEntries = plannedEntries(name, sizes.maxEntries);
  if (name.endsWith("ringbuf")) return { keySize: 0, valueSize: 0, maxEntries };
  const holdsFds = /_array$|_of_maps$/.test(name) && name !== "percpu_array";
  if (!holdsFds) return { ...sizes, maxEntries };
  return { keySize: sizes.keySize || 4, valueSize: sizes.valueSize || 4, maxEntries };
}

/**
 * Plans a map.
 *
 * @param definition Its definition.
 * @param object The object that holds it.
 * @returns How to create it.
 */
export function planMap(definition: MapDefinition, object: ElfObject): MapPlan {
  const { name, type, flags, extra, keyType, valueType, style } = definition;
  const holdsMaps = (MAP_TYPES[type] ?? "").endsWith("_of_maps");
  const section = object.sections[definition.section];
  const isData = style === "data" && section !== undefined;
  return {
    name,
    type,
    ...plannedSizes(type, definition),
    flags,
    ...(extra === 0n ? {} : { extra }),
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
