/**
 * `map_lookup_elem` on arrays as IR, made for where the array lies:
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
import type { ArrayGeometry } from "./layout.ts";

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

/**
 * Makes the look-up of an array.
 *
 * @param geometry Where the array lies.
 * @returns A function of the map and the address of the key.
 */
export function arrayLookup(geometry: ArrayGeometry): IrFunction {
  const { base, stride, cpuStride, maxEntries } = geometry;
  const fn = new IrFunction("array_lookup");
  const [entry, found, missing] = [fn.newBlock(), fn.newBlock(), fn.newBlock()];
  const b = new Builder(fn).atEnd(entry);
  b.param();
  const index = b.load(4, b.param(), 0);
  b.branch("lt", 64, index, fn.constant(maxEntries), found, missing);
  b.atEnd(found);
  const offset = b.alu("mul", 64, index, fn.constant(stride));
  b.ret(onCurrentCpu(b, b.alu("add", 64, offset, fn.constant(base)), cpuStride));
  b.atEnd(missing).ret(fn.constant(0));
  return fn;
}
