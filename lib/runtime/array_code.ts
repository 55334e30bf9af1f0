/**
 * `map_lookup_elem` and `map_update_elem` on arrays as IR, made for where the array lies; a look-up:
 *
 * ```text
 * b0(v0, v1):                      ; the map, the address of the key
 *   v2 = load.u32 v1
 *   branch.64.lt v2, ENTRIES, b1, b2
 * b1:
 *   v3 = mul.64 v2, STRIDE
 *   v4 = add.64 v3, BASE
 *   return v4
 * b2:
 *   return 0
 * ```
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { IrFunction, type Value } from "../ir/function.ts";
import { helperByName } from "../isa/helpers.ts";
import { loadPieces, storePieces } from "./key_code.ts";
import { type ArrayGeometry, MAP_RESULT, UPDATE_FLAG } from "./layout.ts";

/**
 * Adds what leads to the value of the current CPU.
 *
 * @param b Where.
 * @param address Address of the value of CPU 0.
 * @param cpuStride Distance in bytes between the values of two CPUs; 0 where they share them.
 * @returns The address of the value of the current CPU.
 */
export function onCurrentCpu(b: Builder, address: Value, cpuStride: number): Value {
  if (cpuStride === 0) return address;
  const cpu = b.call({ kind: "helper", id: helperByName("get_smp_processor_id")!.id }, []);
  return b.alu("add", 64, address, b.alu("mul", 64, cpu, b.fn.constant(cpuStride)));
}

/** Begins a function that takes the index from the key: the blocks for an index of the array, and for any other. */
function indexed(name: string, geometry: ArrayGeometry, params: number) {
  const fn = new IrFunction(name);
  const [entry, found, missing] = [fn.newBlock(), fn.newBlock(), fn.newBlock()];
  const b = new Builder(fn).atEnd(entry);
  const args = Array.from({ length: params }, () => b.param());
  const index = b.load(4, args[1], 0);
  return { fn, b, args, index, found, missing, size: fn.constant(geometry.maxEntries) };
}

/** Adds what leads to the value with an index. */
function valueAt(b: Builder, index: Value, { base, stride, cpuStride }: ArrayGeometry): Value {
  const offset = b.alu("mul", 64, index, b.fn.constant(stride));
  return onCurrentCpu(b, b.alu("add", 64, offset, b.fn.constant(base)), cpuStride);
}

/**
 * Makes the look-up of an array.
 *
 * @param geometry Where the array lies.
 * @returns A function of the map and the address of the key.
 */
export function arrayLookup(geometry: ArrayGeometry): IrFunction {
  const { fn, b, index, found, missing, size } = indexed("array_lookup", geometry, 2);
  b.branch("lt", 64, index, size, found, missing);
  b.atEnd(found).ret(valueAt(b, index, geometry));
  b.atEnd(missing).ret(fn.constant(0));
  return fn;
}

/**
 * Makes the update of an array whose values have no fields of the kernel.
 *
 * @param geometry Where the array lies.
 * @param flags One of {@link UPDATE_FLAG}.
 * @returns A function of the map, the addresses of key and value, and the flags.
 */
export function arrayUpdate(geometry: ArrayGeometry, flags: number): IrFunction {
  const { fn, b, args, index, found, missing, size } = indexed("array_update", geometry, 4);
  const value = loadPieces(b, args[2], geometry.valueSize);
  b.branch("lt", 64, index, size, found, missing);
  b.atEnd(found);
  const isRefused = flags === UPDATE_FLAG.noexist;
  if (!isRefused) storePieces(b, value, valueAt(b, index, geometry), 0);
  b.ret(fn.constant(isRefused ? MAP_RESULT.exists : MAP_RESULT.done));
  b.atEnd(missing).ret(fn.constant(MAP_RESULT.tooBig));
  return fn;
}
