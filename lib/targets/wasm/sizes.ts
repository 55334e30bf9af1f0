/**
 * The load and store instructions by the number of bytes that they access.
 *
 * @module
 */

import type { Size } from "../../isa/ops.ts";
import type { WasmOp } from "./opcodes.ts";

const UNSIGNED: { readonly [K in Size]: WasmOp } = {
  1: "i64.load8_u",
  2: "i64.load16_u",
  4: "i64.load32_u",
  8: "i64.load",
};
const SIGNED: { readonly [size: number]: WasmOp } = {
  1: "i64.load8_s",
  2: "i64.load16_s",
  4: "i64.load32_s",
};
const STORE: { readonly [K in Size]: WasmOp } = {
  1: "i64.store8",
  2: "i64.store16",
  4: "i64.store32",
  8: "i64.store",
};
const RAW: { readonly [K in Size]: WasmOp } = {
  1: "i32.load8_u",
  2: "i32.load16_u",
  4: "i32.load",
  8: "i64.load",
};
const STORE_RAW: { readonly [K in Size]: WasmOp } = {
  1: "i32.store8",
  2: "i32.store16",
  4: "i32.store",
  8: "i64.store",
};

/** Instructions that access memory. */
export const ACCESS: {
  readonly load: (size: Size, sign: number) => WasmOp;
  readonly store: (size: Size) => WasmOp;
  readonly raw: (size: Size) => WasmOp;
  readonly storeRaw: (size: Size) => WasmOp;
} = {
  /** Loads and extends to an i64. */
  load: (size: Size, sign: number): WasmOp => sign === 0 ? UNSIGNED[size] : SIGNED[size],
  /** Stores the low bytes of an i64. */
  store: (size: Size): WasmOp => STORE[size],
  /** Loads an i64 if of 8 bytes, else an i32. */
  raw: (size: Size): WasmOp => RAW[size],
  /** Stores an i64 if of 8 bytes, else the low bytes of an i32. */
  storeRaw: (size: Size): WasmOp => STORE_RAW[size],
};
