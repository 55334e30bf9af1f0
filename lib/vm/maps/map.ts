/**
 * What a map is to the helpers, the typed interface and the command line.
 *
 * A map has two sides, as in the kernel: a program looks up addresses and sees the value of its own CPU; the world
 * outside copies values, all CPUs at once, one after the other, each rounded up to 8 bytes. Failures are negative error
 * numbers on both.
 *
 * A program at level `sandbox` may overwrite whatever lies in guest memory. What walks a map there checks each address and
 * bounds each loop, so that a corrupt map gives a wrong answer or a fault.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Btf } from "../../object/btf.ts";
import { MAP_TYPE, mapTypeName } from "../../object/kernel_names.ts";
import type { MapPlan } from "../../object/map_plan.ts";
import { ERRNO } from "../errno.ts";
import type { GuestMemory } from "../memory.ts";

/** Handle of the first map: outside of guest memory, as every handle. */
export const MAP_BASE = 0xc000_0000;
/** Distance between the handles of two maps. */
export const MAP_STRIDE = 8;

/** Flags of an update (linux/bpf.h). */
export const UPDATE = {
  /** Create or replace. */
  ANY: 0,
  /** Create only. */
  NOEXIST: 1,
  /** Replace only. */
  EXIST: 2,
  /** Hold the value's spin lock. */
  LOCK: 4,
} as const;

/** Flags of a map that say who may do what with it (linux/bpf.h). */
export const MAP_FLAG = {
  /** Elements are allocated one by one. */
  NO_PREALLOC: 0x1,
  /** The world outside may not write. */
  RDONLY: 0x8,
  /** The world outside may not read. */
  WRONLY: 0x10,
  /** Programs may not write. */
  RDONLY_PROG: 0x80,
  /** Programs may not read. */
  WRONLY_PROG: 0x100,
} as const;

/** A map of a sandbox. Sizes are in bytes. */
export interface GuestMap {
  /** Its name. */
  readonly name: string;
  /** What a program's `lddw` of it yields. */
  readonly handle: number;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Name of its type, as `percpu_hash`. */
  readonly typeName: string;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity; of a ring buffer in bytes. */
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** How it was planned: the ids of its types, what it holds. */
  readonly plan: MapPlan;
  /** Where its types are described; null if nowhere. */
  readonly btf: Btf | null;
  /** Whether every CPU has a value of its own. */
  readonly perCpu: boolean;
  /** Number of values of each element: the number of CPUs for a per-CPU map, else 1. */
  readonly copies: number;
  /** Whether the world outside may not change it any more. */
  readonly frozen: boolean;
  /** Number of elements. */
  readonly size: number;

  /**
   * The program's look-up.
   *
   * @param key The key.
   * @param cpu The CPU that the program runs on.
   * @returns Address of the value, or the handle of the map in it; 0 if there is none.
   */
  lookup(key: Uint8Array, cpu: number): number;
  /**
   * The program's update.
   *
   * @param key The key.
   * @param value The value, in or outside of guest memory.
   * @param flags {@link UPDATE}.
   * @param cpu The CPU that the program runs on.
   * @returns 0 or a negative error number.
   */
  update(key: Uint8Array, value: Uint8Array, flags: number, cpu: number): number;
  /**
   * Removes an element.
   *
   * @param key The key.
   * @returns 0 or a negative error number.
   */
  delete(key: Uint8Array): number;

  /**
   * Copies a value out.
   *
   * @param key The key.
   * @returns A copy of the values of all CPUs, or a negative error number.
   */
  read(key: Uint8Array): Uint8Array<ArrayBuffer> | number;
  /**
   * Copies a value in.
   *
   * @param key The key.
   * @param value The values of all CPUs.
   * @param flags {@link UPDATE}.
   * @returns 0 or a negative error number.
   */
  write(key: Uint8Array, value: Uint8Array, flags?: number): number;
  /**
   * Removes an element from outside.
   *
   * @param key The key.
   * @returns 0 or a negative error number.
   */
  remove(key: Uint8Array): number;
  /**
   * Lists the keys, in an order that depends on nothing but the operations before.
   *
   * @returns Copies of the keys; elements that are added or removed meanwhile may be missing.
   */
  keys(): Iterable<Uint8Array<ArrayBuffer>>;
  /**
   * Shows a program its elements.
   *
   * @param cpu The CPU that the program runs on.
   * @param visitor Is shown each; it may change the map.
   * @returns How many were shown, or a negative error number.
   */
  visit(cpu: number, visitor: Visitor): number;
}

/**
 * Is shown an element.
 *
 * @param key Address of the key.
 * @param value Address of the value.
 * @returns Whether to go on.
 */
export type Visitor = (key: number, value: number) => boolean;

/** What every map needs of its surroundings. */
export interface MapHost {
  /** Memory of the program. */
  readonly memory: GuestMemory;
  /** Number of CPUs. */
  readonly cpus: number;
  /**
   * Finds a map.
   *
   * @param handle Its handle.
   * @returns The map, or null.
   */
  byHandle(handle: number | bigint): GuestMap | null;
  /**
   * Forgets a timer whose value goes.
   *
   * @param address Address of its structure; there need not be one.
   */
  cancelTimer(address: number): void;
}

/** What a map is created from. */
export interface MapSeed {
  /** Its surroundings. */
  readonly host: MapHost;
  /** Its handle. */
  readonly handle: number;
  /** How to create it. */
  readonly plan: MapPlan;
  /** Where its types are described; null if nowhere. */
  readonly btf: Btf | null;
}

/**
 * Reads a word as the program would.
 *
 * @param bytes At least 4 bytes from the offset.
 * @param little Whether the program is little-endian.
 * @param at Offset in bytes.
 * @returns The word, unsigned.
 */
export function wordAt(bytes: Uint8Array, little: boolean, at = 0): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
  return (little ? a | b << 8 | c << 16 | d << 24 : d | c << 8 | b << 16 | a << 24) >>> 0;
}

/**
 * The bytes of a word as the program sees them.
 *
 * @param value The word.
 * @param little Whether the program is little-endian.
 * @returns 4 bytes.
 */
export function wordBytes(value: number, little: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, little);
  return bytes;
}

/**
 * Whether an update may go on.
 *
 * @param flags {@link UPDATE}.
 * @param exists Whether the element exists.
 * @param hasLock Whether values have a spin lock.
 * @returns 0 or a negative error number.
 */
export function updateRefusal(flags: number, exists: boolean, hasLock: boolean): number {
  const bare = flags >= UPDATE.LOCK && flags <= 2 * UPDATE.LOCK - 1 ? flags - UPDATE.LOCK : flags;
  if (bare > UPDATE.EXIST || (bare !== flags && !hasLock)) return -ERRNO.EINVAL;
  if (exists) return bare === UPDATE.NOEXIST ? -ERRNO.EEXIST : 0;
  return bare === UPDATE.EXIST ? -ERRNO.ENOENT : 0;
}

/** Rounds a size up to a multiple of 8 bytes: the distance between two values. */
export function roundUp8(size: number): number {
  return Math.ceil(size / 8) * 8;
}

/** Most bytes of a key, and of a value that is allocated on its own (KMALLOC_MAX_SIZE). */
const MAX_ELEMENT = 1 << 22;

/** Whether values lie in one piece that is reserved at once, as those of global variables do. */
const holdsData = ({ type }: MapPlan): boolean => type === MAP_TYPE.ARRAY;

/** What maps of all types share. Operations that a type does not have give EOPNOTSUPP. */
export abstract class BaseMap implements GuestMap {
  readonly name: string;
  readonly handle: number;
  readonly type: number;
  readonly typeName: string;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly plan: MapPlan;
  readonly btf: Btf | null;
  readonly perCpu: boolean;
  readonly copies: number;
  frozen = false;
  /** Whether the program is little-endian. */
  protected readonly little: boolean;
  /** Its surroundings. */
  protected readonly host: MapHost;

  /**
   * Takes over the plan.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If an element is larger than in any kernel.
   */
  constructor(seed: MapSeed) {
    const { plan } = seed;
    if (plan.keySize > MAX_ELEMENT || (plan.valueSize > MAX_ELEMENT && !holdsData(plan))) {
      throw new EpassError(
        `cannot create map ${plan.name}: keys of ${plan.keySize} and values of ${plan.valueSize} bytes exceed ${MAX_ELEMENT}`,
      );
    }
    this.host = seed.host;
    this.little = seed.host.memory.order === "little";
    this.handle = seed.handle;
    this.plan = plan;
    this.btf = seed.btf;
    this.name = plan.name;
    this.type = plan.type;
    this.typeName = mapTypeName(plan.type);
    this.keySize = plan.keySize;
    this.valueSize = plan.valueSize;
    this.maxEntries = plan.maxEntries;
    this.flags = plan.flags;
    this.perCpu = this.typeName.includes("percpu");
    this.copies = this.perCpu ? seed.host.cpus : 1;
  }

  get size(): number {
    let count = 0;
    for (const _ of this.keys()) count++;
    return count;
  }

  lookup(_key: Uint8Array, _cpu: number): number {
    return 0;
  }

  update(_key: Uint8Array, _value: Uint8Array, _flags: number, _cpu: number): number {
    return -ERRNO.EOPNOTSUPP;
  }

  delete(_key: Uint8Array): number {
    return -ERRNO.EOPNOTSUPP;
  }

  read(_key: Uint8Array): Uint8Array<ArrayBuffer> | number {
    return -ERRNO.EOPNOTSUPP;
  }

  write(key: Uint8Array, value: Uint8Array, flags: number = UPDATE.ANY): number {
    return this.#closed ? -ERRNO.EPERM : this.store(key, value, flags);
  }

  remove(key: Uint8Array): number {
    return this.#closed ? -ERRNO.EPERM : this.delete(key);
  }

  /** Whether the world outside may not change it. */
  get #closed(): boolean {
    return this.frozen || (this.flags & MAP_FLAG.RDONLY) !== 0;
  }

  /**
   * Copies a value in from outside, where that is allowed.
   *
   * @param key The key.
   * @param value The values of all CPUs.
   * @param flags {@link UPDATE}.
   * @returns 0 or a negative error number.
   */
  protected store(key: Uint8Array, value: Uint8Array, flags: number): number {
    return this.update(key, value, flags, 0);
  }

  keys(): Iterable<Uint8Array<ArrayBuffer>> {
    return [];
  }

  visit(_cpu: number, _visitor: Visitor): number {
    return -ERRNO.EOPNOTSUPP;
  }
}
