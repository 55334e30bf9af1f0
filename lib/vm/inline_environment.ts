/**
 * Calls of helpers that always return the same in a sandbox, as code: the only CPU, the only NUMA node.
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { IrFunction, type Value } from "../ir/function.ts";
import { helperByName } from "../isa/helpers.ts";

const CURRENT_CPU = helperByName("get_smp_processor_id")!.id;
const CURRENT_NODE = helperByName("get_numa_node_id")!.id;

function zero(name: string): IrFunction {
  const fn = new IrFunction(name);
  new Builder(fn).atEnd(fn.newBlock()).ret(fn.constant(0));
  return fn;
}

/**
 * The body for a call whose result the sandbox knows beforehand.
 *
 * @param call Any call.
 * @param cpus Number of CPUs.
 * @returns What does the same; null to leave the call.
 */
export function environmentBody({ callee }: Value, cpus: number): IrFunction | null {
  if (callee?.kind !== "helper") return null;
  if (callee.id === CURRENT_CPU) return cpus === 1 ? zero("only_cpu") : null;
  return callee.id === CURRENT_NODE ? zero("only_node") : null;
}
