/**
 * Which pointers surely point to plain memory, where the kernel lets a program choose size and alignment of an access:
 * packets, elements of maps, reserved records, and the frame. Context and kernel structures are not: the kernel rewrites
 * accesses to these field by field.
 *
 * A pointer that was loaded with 4 bytes can only be that of a packet, from the context. What is spilled and loaded
 * again is as plain as all that is ever stored in its slot.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";
import { reversePostOrder } from "../../ir/order.ts";
import { helperById } from "../../isa/helpers.ts";
import type { PassEnvironment } from "../pass.ts";
import type { FramePointers } from "./frame.ts";

/** Helpers whose result points to plain memory; by name. */
const PLAIN_RESULTS: ReadonlySet<string> = new Set([
  ...["map_lookup_elem", "map_lookup_percpu_elem", "ringbuf_reserve", "get_local_storage"],
  ...["sk_storage_get", "task_storage_get", "inode_storage_get", "cgrp_storage_get", "dynptr_data"],
]);

/** No pointer that is known, a pointer to plain memory, one to something else. */
const NUMBER = 0, PLAIN = 1, OTHER = 2;

/** Kinds of pointers of a function as it was when this was made. */
export class PlainMemory {
  readonly #kinds: Uint8Array;
  readonly #frames: FramePointers;
  readonly #kernelHelpers: boolean;
  /** Kinds of what is stored in slots of the frame, by offset; all that is joined. */
  readonly #slots = new Map<number, number>();
  /** Something may be stored in any slot. */
  #anySlot = false;

  /**
   * Finds the pointers to plain memory.
   *
   * @param fn The function.
   * @param frames Its frame pointers.
   * @param environment What is known of the program.
   */
  constructor(fn: IrFunction, frames: FramePointers, environment: PassEnvironment) {
    this.#frames = frames;
    this.#kernelHelpers = environment.kernelHelpers;
    this.#kinds = new Uint8Array(fn.valueCount);
    for (const param of fn.entry.params) this.#kinds[param.id] = OTHER;
    const order = reversePostOrder(fn);
    // Kinds only rise, so this ends; what starts as a number and is used as an address rises in the first sweeps.
    for (let changed = true; changed;) {
      changed = false;
      for (const block of order) {
        if (block !== fn.entry) {
          for (let i = 0; i < block.params.length; i++) {
            for (const { args } of block.preds) {
              changed = this.#raise(block.params[i], this.#kind(args[i])) || changed;
            }
          }
        }
        for (const value of block.insns) changed = this.#visit(value) || changed;
      }
    }
  }

  /**
   * @param base The base of an access.
   * @returns Whether it points to plain memory, and not into the frame.
   */
  isPlain(base: Value): boolean {
    return this.#kind(base) === PLAIN && !this.#frames.isFrame(base);
  }

  #kind(value: Value): number {
    if (value.op === "symbol") return value.ref!.kind === "map_fd" ? OTHER : PLAIN;
    if (value.op === "core" || value.op === "undef") return OTHER;
    return value.id < this.#kinds.length ? this.#kinds[value.id] : NUMBER;
  }

  #raise({ id }: Value, kind: number): boolean {
    if (kind <= this.#kinds[id]) return false;
    this.#kinds[id] = kind;
    return true;
  }

  #visit(value: Value): boolean {
    const { args, op } = value;
    switch (op) {
      case "copy":
        return this.#raise(value, this.#kind(args[0]));
      case "select":
        return this.#raise(value, Math.max(this.#kind(args[2]), this.#kind(args[3])));
      case "alu":
        if (value.width === 32) return false;
        return this.#raise(value, Math.max(this.#kind(args[0]), this.#kind(args[1])));
      case "load":
        return this.#raise(value, this.#loaded(value));
      case "store":
        return this.#stored(value);
      case "call":
        return this.#raise(value, this.#result(value));
      case "cast":
      case "atomic":
        return this.#raise(value, OTHER);
      default:
        return false;
    }
  }

  #loaded({ args: [base], size, off, sign }: Value): number {
    if (size === 4 && sign === 0) return PLAIN;
    if (size < 8) return NUMBER;
    if (!this.#frames.isFrame(base)) return OTHER;
    const at = this.#frames.offset(base);
    if (Number.isNaN(at) || this.#anySlot) return OTHER;
    return this.#slots.get(at + off) ?? NUMBER;
  }

  #stored({ args: [base, value], size, off }: Value): boolean {
    if (size < 8 || !this.#frames.isFrame(base)) return false;
    const kind = this.#kind(value);
    const at = this.#frames.offset(base);
    if (Number.isNaN(at)) {
      if (kind === NUMBER || this.#anySlot) return false;
      this.#anySlot = true;
      return true;
    }
    if (kind <= (this.#slots.get(at + off) ?? NUMBER)) return false;
    this.#slots.set(at + off, kind);
    return true;
  }

  #result({ callee }: Value): number {
    if (callee!.kind !== "helper" || !this.#kernelHelpers) return OTHER;
    const signature = helperById(callee!.id);
    if (signature === null) return OTHER;
    if (PLAIN_RESULTS.has(signature.name)) return PLAIN;
    return signature.result === "pointer" ? OTHER : NUMBER;
  }
}
