/**
 * The values of a map: one for each CPU or one for all, each rounded up to 8 bytes, with the fields of the kernel in them.
 *
 * @module
 */

import { type FieldKind, type SpecialField, specialFields } from "./fields.ts";
import { type MapHost, type MapSeed, roundUp8 } from "./map.ts";
import type { MapStorage } from "./storage.ts";

/** Kinds of fields that hold objects. */
const HOLDERS: ReadonlySet<FieldKind> = new Set(["kptr", "list", "tree"]);

/** Copies values into and out of guest memory. Sizes are in bytes. */
export class Values {
  /** Size of one value. */
  readonly size: number;
  /** Distance between the values of two CPUs where they lie together. */
  readonly stride: number;
  /** Number of values of an element. */
  readonly copies: number;
  /** Whether every CPU has one. */
  readonly perCpu: boolean;
  /** Whether a value has a spin lock. */
  readonly hasLock: boolean;
  readonly #fields: readonly SpecialField[];
  readonly #storage: MapStorage;
  readonly #host: MapHost;

  /**
   * Finds the fields of the kernel.
   *
   * @param seed What the map is created from.
   * @param storage Its storage.
   * @param perCpu Whether every CPU has one.
   */
  constructor(seed: MapSeed, storage: MapStorage, perCpu: boolean) {
    const { plan, host } = seed;
    this.size = plan.valueSize;
    this.stride = roundUp8(plan.valueSize);
    this.perCpu = perCpu;
    this.copies = perCpu ? host.cpus : 1;
    this.#storage = storage;
    this.#host = host;
    this.#fields = specialFields(seed.btf, plan.valueType, plan.valueSize);
    this.hasLock = this.#fields.some(({ kind }) => kind === "lock");
  }

  /** Whether a value has fields of the kernel. */
  get hasFields(): boolean {
    return this.#fields.length > 0;
  }

  /** Bytes of one value that the world outside copies: those for each CPU with their padding. */
  get #copied(): number {
    return this.perCpu && this.#fields.length === 0 ? this.stride : this.size;
  }

  /** Bytes that the values of an element take together in guest memory. */
  get footprint(): number {
    return this.stride * this.copies;
  }

  /** Bytes that the values of an element take together for the world outside. */
  get outsideSize(): number {
    return this.perCpu ? this.footprint : this.size;
  }

  /**
   * Sets one value; the fields of the kernel stay.
   *
   * @param address Its address.
   * @param value The value.
   */
  set(address: number, value: Uint8Array): void {
    this.#storage.copyIn(address, value, this.size, this.#fields);
  }

  /**
   * Reads the first word of a value.
   *
   * @param address Its address.
   * @returns The word, unsigned.
   */
  word(address: number): number {
    return this.#storage.u32(address);
  }

  /**
   * Sets the values of all CPUs.
   *
   * @param address Address of the first.
   * @param values All values, as the world outside passes them.
   * @param distance Bytes from one to the next in guest memory.
   */
  setAll(address: number, values: Uint8Array, distance: number = this.stride): void {
    for (let i = 0; i < this.copies; i++) {
      const at = i * this.stride;
      const value = values.subarray(at, at + this.#copied);
      this.#storage.copyIn(address + i * distance, value, value.length, this.#fields);
    }
  }

  /**
   * Copies the values of all CPUs; the fields of the kernel are zeros.
   *
   * @param address Address of the first.
   * @param distance Bytes from one to the next in guest memory.
   * @returns All values, as the world outside gets them.
   */
  getAll(address: number, distance: number = this.stride): Uint8Array<ArrayBuffer> {
    const values = new Uint8Array(this.outsideSize);
    for (let i = 0; i < this.copies; i++) {
      const at = i * this.stride;
      const target = values.subarray(at, at + this.#copied);
      this.#storage.copyOut(address + i * distance, target, this.#fields);
    }
    return values;
  }

  /**
   * Prepares values for a new element: zeros.
   *
   * @param address Address of the first.
   */
  clear(address: number): void {
    this.#storage.clear(address, this.footprint);
  }

  /**
   * Ends what the kernel holds for a value that goes or is replaced: timers, and what lists, trees and pointers hold. All
   * other bytes stay.
   *
   * @param address Address of the value.
   */
  release(address: number): void {
    for (const { kind, offset, size } of this.#fields) {
      if (kind === "timer") this.#host.cancelTimer(address + offset);
      if (HOLDERS.has(kind)) this.#storage.clear(address + offset, size);
    }
  }
}
