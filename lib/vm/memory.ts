/**
 * Guest memory: one flat 32-bit address space made of regions.
 *
 * The storage is one WebAssembly memory, which all engines share. The byte at its offset 0 has the address
 * {@link GUEST_BASE}; the addresses below it (an access there is a null dereference) and those from 2^31 up are never
 * mapped. Addresses are compared in all their 64 bits: high bits never alias. Two levels:
 *
 * - `sandbox`: an access is allowed where it lies in the storage. What a program does to its own regions is its affair;
 *   nothing leads out. An instruction whose base register is in the null page faults, whatever its displacement; so that
 *   the interpreter need not look at each, the limits of the {@link NEAR_NULL} first bytes are 0.
 * - `strict`: an access is allowed where it lies in a mapped region, and a store in one that is writable. A region
 *   starts on a page of its own and is followed by unmapped space, so one number per page, the offset at which the
 *   region ends, decides: `offset + size <= limit[offset >> PAGE_SHIFT]`. In `sandbox` all limits are the end.
 *
 * @module
 */

import type { ByteOrder } from "../bytes.ts";
import { UnsupportedError } from "../errors.ts";
import type { Size } from "../isa/ops.ts";
import { GuestFault } from "./fault.ts";

/** The lowest address that can be mapped. */
export const GUEST_BASE = 0x1_0000;
/** Binary logarithm of the page size in bytes. */
export const PAGE_SHIFT = 12;
/** Bytes from {@link GUEST_BASE} on that a displacement reaches from the null page; no region is there. */
const NEAR_NULL = 0x8000;
/** Unmapped bytes after every region, at least. */
const GUARD = 1024;
/** The most bytes that offsets of 31 bits reach. */
const MAXIMUM = 0x7fff_0000;
/** Bytes of a page of WebAssembly memory. */
const WASM_PAGE = 0x1_0000;

/** A contiguous range of guest memory with one purpose. */
export class Region {
  /** What it holds, for messages. */
  readonly name: string;
  /** Address of its first byte, a multiple of the page size. */
  readonly address: number;
  /** Bytes reserved. */
  readonly capacity: number;
  /** Bytes accessible while it is mapped. */
  size: number;
  /** Whether the program may store to it. */
  readonly writable: boolean;
  /** Whether the program may access it. */
  mapped = false;

  /**
   * Makes a region that is not mapped.
   *
   * @param name What it holds.
   * @param address Address of its first byte.
   * @param size Its size in bytes.
   * @param writable Whether the program may store to it.
   */
  constructor(name: string, address: number, size: number, writable: boolean) {
    this.name = name;
    this.address = address;
    this.capacity = size;
    this.size = size;
    this.writable = writable;
  }
}

/** How accesses are checked: against the end of the storage, or against the regions in it. */
export type MemoryLevel = "sandbox" | "strict";

/** Options of {@link GuestMemory}. */
export interface MemoryOptions {
  /** The most bytes that regions may take together, 512 MiB by default. */
  readonly maximum?: number | undefined;
  /** How accesses are checked, `sandbox` by default. */
  readonly level?: MemoryLevel | undefined;
}

/** What holds limits that no code looks at. */
const UNUSED = new WebAssembly.Memory({ initial: 1 });

/** The limits of the pages of a number of bytes; the memory that holds them grows, and keeps what it has. */
function limitsIn(memory: WebAssembly.Memory, byteLength: number): Int32Array<ArrayBuffer> {
  const pages = byteLength >> PAGE_SHIFT;
  if (memory === UNUSED) return new Int32Array(pages);
  const missing = pages * 4 - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / WASM_PAGE));
  return new Int32Array(memory.buffer as ArrayBuffer, 0, pages);
}

/** The address space of a program. `bytes`, `view` and the limits are replaced when it grows. */
export class GuestMemory {
  /** Byte order of multi-byte accesses. */
  readonly order: ByteOrder;
  /** How accesses are checked. */
  readonly level: MemoryLevel;
  /** The storage; offset 0 has the address {@link GUEST_BASE}. */
  readonly storage: WebAssembly.Memory;
  /** Its bytes. */
  bytes: Uint8Array<ArrayBuffer>;
  /** Its bytes as a view. */
  view: DataView<ArrayBuffer>;
  /** For each page the offset in the storage at which loads end, 0 if they fault. */
  readLimits: Int32Array<ArrayBuffer>;
  /** For each page the offset in the storage at which stores end, 0 if they fault. */
  writeLimits: Int32Array<ArrayBuffer>;
  /** What holds the limits, out of reach of programs, where code checks them: in strict memory. */
  readonly limitStorage: { readonly read: WebAssembly.Memory; readonly write: WebAssembly.Memory };
  readonly #maximum: number;
  readonly #regions: Region[] = [];
  #used = NEAR_NULL;

  /**
   * Makes an address space without regions.
   *
   * @param order Byte order of multi-byte accesses.
   * @param options Maximum and level.
   */
  constructor(order: ByteOrder, options: MemoryOptions = {}) {
    this.order = order;
    this.level = options.level ?? "sandbox";
    this.#maximum = Math.min(options.maximum ?? 0x2000_0000, MAXIMUM);
    this.storage = new WebAssembly.Memory({ initial: 1, maximum: MAXIMUM / WASM_PAGE });
    const buffer = this.storage.buffer as ArrayBuffer;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    const limits = { initial: 1, maximum: MAXIMUM / WASM_PAGE };
    this.limitStorage = this.level === "sandbox" ? { read: UNUSED, write: UNUSED } : {
      read: new WebAssembly.Memory(limits),
      write: new WebAssembly.Memory(limits),
    };
    this.readLimits = limitsIn(this.limitStorage.read, this.bytes.length);
    this.writeLimits = limitsIn(this.limitStorage.write, this.bytes.length);
    if (this.level === "sandbox") this.#openLimits();
  }

  /** Lets every access to the storage pass. */
  #openLimits(): void {
    this.readLimits.fill(this.bytes.length, NEAR_NULL >> PAGE_SHIFT);
    this.writeLimits.fill(this.bytes.length, NEAR_NULL >> PAGE_SHIFT);
  }

  /** The regions by ascending address. */
  get regions(): readonly Region[] {
    return this.#regions;
  }

  /**
   * Reserves a region, zeroed and mapped.
   *
   * @param name What it holds, for messages.
   * @param size Its size in bytes.
   * @param writable Whether the program may store to it.
   * @returns The region.
   * @throws {UnsupportedError} If the address space is exhausted.
   */
  allocate(name: string, size: number, writable = true): Region {
    const page = 1 << PAGE_SHIFT;
    const end = this.#used + Math.ceil((size + GUARD) / page) * page;
    if (!(size >= 0) || end > this.#maximum) {
      throw new UnsupportedError(
        `cannot allocate guest memory for ${name}: ${size} bytes exceed the ${
          this.#maximum - this.#used
        } bytes left`,
      );
    }
    if (end > this.bytes.length) this.#grow(end, name);
    const region = new Region(name, GUEST_BASE + this.#used, size, writable);
    this.#used = end;
    this.#regions.push(region);
    this.map(region);
    return region;
  }

  /** Makes the storage and the limits larger. */
  #grow(needed: number, name: string): void {
    const length = Math.min(Math.max(needed, this.bytes.length * 2), MAXIMUM);
    try {
      this.storage.grow(Math.ceil((length - this.bytes.length) / WASM_PAGE));
    } catch {
      throw new UnsupportedError(
        `cannot allocate guest memory for ${name}: the host refuses ${length} bytes`,
      );
    }
    const buffer = this.storage.buffer as ArrayBuffer;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.readLimits = limitsIn(this.limitStorage.read, this.bytes.length);
    this.writeLimits = limitsIn(this.limitStorage.write, this.bytes.length);
    if (this.level === "sandbox") this.#openLimits();
  }

  /**
   * Lets the program access a region.
   *
   * @param region The region.
   */
  map(region: Region): void {
    region.mapped = true;
    const offset = region.address - GUEST_BASE;
    this.#setLimits(region, offset + region.size);
  }

  /**
   * Makes every access to a region fault.
   *
   * @param region The region; its content is kept.
   */
  unmap(region: Region): void {
    region.mapped = false;
    this.#setLimits(region, 0);
  }

  /**
   * Changes the accessible size of a region and maps it.
   *
   * @param region The region.
   * @param size The new size in bytes, at most its capacity.
   */
  resize(region: Region, size: number): void {
    this.unmap(region);
    region.size = Math.min(size, region.capacity);
    this.map(region);
  }

  #setLimits(region: Region, limit: number): void {
    if (this.level === "sandbox") return;
    const first = (region.address - GUEST_BASE) >> PAGE_SHIFT;
    const last = (region.address - GUEST_BASE + Math.max(region.size, 1) - 1) >> PAGE_SHIFT;
    for (let page = first; page <= last; page++) {
      this.readLimits[page] = limit;
      this.writeLimits[page] = region.writable ? limit : 0;
    }
  }

  /**
   * The bytes of a region, whether it is mapped or not.
   *
   * @param region The region.
   * @returns A view, valid until the next allocation.
   */
  contents(region: Region): Uint8Array<ArrayBuffer> {
    const offset = region.address - GUEST_BASE;
    return this.bytes.subarray(offset, offset + region.size);
  }

  /**
   * Checks an access.
   *
   * @param address Address of its first byte, a 64-bit pattern.
   * @param size Its size in bytes, at least 1.
   * @param write Whether it stores.
   * @returns The offset in `bytes`.
   * @throws {GuestFault} If the access is not allowed.
   */
  check(address: bigint, size: number, write: boolean): number {
    const offset = Number(BigInt.asUintN(64, address)) - GUEST_BASE;
    if (offset < 0 || offset + size > this.#limitAt(offset, write)) {
      throw this.fault(address, size, write);
    }
    return offset;
  }

  #limitAt(offset: number, write: boolean): number {
    const { length } = this.bytes;
    if (offset >= length) return 0;
    if (this.level === "sandbox") return length;
    return (write ? this.writeLimits : this.readLimits)[offset >> PAGE_SHIFT];
  }

  /**
   * Finds the place of an access that a program makes.
   *
   * @param base The base register, an unsigned 64-bit pattern.
   * @param displacement Displacement in bytes.
   * @param size Bytes accessed.
   * @param write Whether it stores.
   * @returns The offset in `bytes`.
   * @throws {GuestFault} If the access is not allowed.
   */
  place(base: bigint, displacement: number, size: number, write: boolean): number {
    const address = base + BigInt(displacement);
    if (base < BigInt(GUEST_BASE) && displacement >= 0) {
      const hex = address.toString(16);
      throw new GuestFault(
        "null",
        `cannot ${write ? "store" : "load"} ${size} bytes at 0x${hex}: null page`,
      );
    }
    return this.check(address, size, write);
  }

  /**
   * Bytes at a guest address, for helpers.
   *
   * @param address Address of the first byte, a 64-bit pattern.
   * @param size How many bytes; 0 is always allowed.
   * @param write Whether they will be stored to.
   * @returns A view, valid until the next allocation.
   * @throws {GuestFault} If the access is not allowed.
   */
  slice(address: bigint, size: number, write: boolean): Uint8Array<ArrayBuffer> {
    if (size === 0) return this.bytes.subarray(0, 0);
    const offset = this.check(address, size, write);
    return this.bytes.subarray(offset, offset + size);
  }

  /**
   * Loads a number in the byte order of the program.
   *
   * @param address Its address, a 64-bit pattern.
   * @param size Its size in bytes.
   * @returns The unsigned number.
   * @throws {GuestFault} If the access is not allowed.
   */
  load(address: bigint, size: Size): bigint {
    const offset = this.check(address, size, false);
    let value = 0n;
    for (let i = 0; i < size; i++) {
      const byte = this.bytes[offset + (this.order === "little" ? size - 1 - i : i)];
      value = (value << 8n) | BigInt(byte);
    }
    return value;
  }

  /**
   * Stores a number in the byte order of the program.
   *
   * @param address Its address, a 64-bit pattern.
   * @param size Its size in bytes.
   * @param value The number; its low bits are stored.
   * @throws {GuestFault} If the access is not allowed.
   */
  store(address: bigint, size: Size, value: bigint): void {
    const offset = this.check(address, size, true);
    let rest = BigInt.asUintN(64, value);
    for (let i = 0; i < size; i++) {
      this.bytes[offset + (this.order === "little" ? i : size - 1 - i)] = Number(rest & 0xffn);
      rest >>= 8n;
    }
  }

  /**
   * Describes an access that is not allowed.
   *
   * @param address Address of its first byte, a 64-bit pattern.
   * @param size Its size in bytes.
   * @param write Whether it stores.
   * @returns The fault.
   */
  fault(address: bigint, size: number, write: boolean): GuestFault {
    const pattern = BigInt.asUintN(64, address);
    const what = `cannot ${write ? "store" : "load"} ${size} bytes at 0x${pattern.toString(16)}: `;
    if (pattern < BigInt(GUEST_BASE)) return new GuestFault("null", what + "null page");
    const region = this.regionBefore(Number(pattern));
    if (region === null) return new GuestFault("out-of-bounds", what + "outside every region");
    const distance = Number(pattern) - region.address;
    const place = `byte ${distance} of ${region.name}, which has ${region.size}`;
    if (distance + size > region.size || !region.mapped) {
      return new GuestFault("out-of-bounds", `${what}${place}${region.mapped ? "" : ", unmapped"}`);
    }
    return new GuestFault("read-only", `${what}${region.name} is read-only`);
  }

  /**
   * The region that begins at or before an address.
   *
   * @param address An address.
   * @returns The last region that starts at or below it, or null.
   */
  regionBefore(address: number): Region | null {
    let low = 0, high = this.#regions.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#regions[middle].address <= address) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? null : this.#regions[low - 1];
  }
}
