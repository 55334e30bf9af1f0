/**
 * What code expects of its host: names, types and numbers that both must agree on.
 *
 * @module
 */

import type { WasmSignature } from "./module.ts";

/** What is added to an offset in memory for its address. */
export const GUEST_BASE = 0x1_0000;
/** Bytes of a frame. */
export const FRAME_SIZE = 512;
/** Bytes between the lowest bytes of two frames. */
export const FRAME_STRIDE = 4096;
/** Binary logarithm of the bytes of a page, each of which has a limit. */
export const PAGE_SHIFT = 12;
/** Indices of the memories with the limits for loads and stores. */
export const LIMITS = { read: 1, write: 2 } as const;
/** Times that a frame may pass `may_goto` (Linux: BPF_MAX_LOOPS). */
export const MAY_GOTO_BUDGET = 0x80_0000;
/** What `packet` returns for bytes outside the packet. */
export const NO_PACKET = -1n;
/** What `resolve` returns for a helper. */
export const HELPER = -1;

/** Type of every function of a program: the offset of its frame in memory, r1 to r5; r0. */
export const PROGRAM_SIGNATURE: WasmSignature = {
  params: ["i32", "i64", "i64", "i64", "i64", "i64"],
  result: "i64",
};

/** Name of a function of the host. */
export type HostFunction =
  /** (site): fills `fuel` again, or stops the program. */
  | "refuel"
  /** (address, site): stops the program for its access. */
  | "wild"
  /** (offset, size): bytes of the packet in network order, or {@link NO_PACKET}. */
  | "packet"
  /** (address, site, frame): index in `functions` of what is called, or {@link HELPER}. */
  | "resolve"
  /** (site, frame, r1 to r5): calls the helper that `resolve` found. */
  | "resolved"
  /** (): index in `functions`, plus one, of a function that the last helper wants to continue in; 0 for none. */
  | "tail"
  /** (i): its argument, from 0. */
  | "tail_argument";

/**
 * Functions of the host that code may call besides helpers. `site` is the number of the site, `frame` the offset of the
 * frame in memory.
 */
export const HOST_FUNCTIONS: { readonly [K in HostFunction]: WasmSignature } = {
  refuel: { params: ["i32"], result: null },
  wild: { params: ["i64", "i32"], result: null },
  packet: { params: ["i32", "i32"], result: "i64" },
  resolve: { params: ["i64", "i32", "i32"], result: "i32" },
  resolved: { params: ["i32", "i32", "i64", "i64", "i64", "i64", "i64"], result: "i64" },
  tail: { params: [], result: "i32" },
  tail_argument: { params: ["i32"], result: "i64" },
};

/** A helper or kfunc that code calls: (site, frame, arguments). */
export interface HelperImport {
  /** What is called. */
  readonly callee:
    | { readonly kind: "helper"; readonly id: number }
    | { readonly kind: "kfunc"; readonly name: string };
  /** How many arguments it is given. */
  readonly arity: number;
}
