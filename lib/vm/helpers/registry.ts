/**
 * All helpers and kfuncs of the sandbox, and which ones a program calls that it does not have.
 *
 * @module
 */

import { helperById, helperByName } from "../../isa/helpers.ts";
import { InvariantError } from "../../errors.ts";
import type { Program, ProgramFunction } from "../../object/program.ts";
import type { Environment } from "../environment.ts";
import type { HelperTable, KfuncTable } from "../machine.ts";
import type { HelperBodies } from "./body.ts";
import { ABSENT_HELPERS, ABSENT_KFUNCS } from "./absent.ts";
import { ARENA_KFUNCS } from "./arena.ts";
import { CHECKSUM_HELPERS } from "./checksum.ts";
import { CLOCK_HELPERS } from "./clock.ts";
import { CONTROL_HELPERS } from "./control.ts";
import { CPUMASK_KFUNCS } from "./cpumasks.ts";
import { DYNPTR_HELPERS, DYNPTR_KFUNCS } from "./dynptr.ts";
import { ITERATOR_KFUNCS } from "./iterators.ts";
import { LIST_KFUNCS } from "./lists.ts";
import { LOCK_HELPERS, LOCK_KFUNCS } from "./locks.ts";
import { LWT_HELPERS } from "./lwt.ts";
import { MAP_HELPERS } from "./maps.ts";
import { OBJECT_HELPERS, OBJECT_KFUNCS } from "./objects.ts";
import { PACKET_KFUNCS } from "./packet_kfuncs.ts";
import { PERF_HELPERS } from "./perf.ts";
import { PRINT_HELPERS } from "./print.ts";
import { PROBE_HELPERS } from "./probe.ts";
import { REDIRECT_HELPERS } from "./redirect.ts";
import { REDIRECT_MAP_HELPERS } from "./redirect_map.ts";
import { RINGBUF_HELPERS } from "./ringbuf.ts";
import { ROUTE_HELPERS } from "./route.ts";
import { SK_MSG_HELPERS } from "./sk_msg.ts";
import { SKB_HELPERS } from "./skb.ts";
import { SKB_CHECKSUM_HELPERS } from "./skb_checksum.ts";
import { SKB_HEADER_HELPERS } from "./skb_headers.ts";
import { SOCK_OPS_HELPERS } from "./sock_ops.ts";
import { SOCKET_HELPERS } from "./sockets.ts";
import { STACK_HELPERS } from "./stack.ts";
import { STORAGE_HELPERS } from "./storage.ts";
import { STRING_HELPERS } from "./strings.ts";
import { SYNCOOKIE_HELPERS } from "./syncookie.ts";
import { SYSCTL_HELPERS } from "./sysctl.ts";
import { TASK_HELPERS } from "./task.ts";
import { TRACING_HELPERS } from "./tracing.ts";
import { TREE_KFUNCS } from "./trees.ts";
import { TUNNEL_HELPERS } from "./tunnel.ts";
import { XDP_HELPERS } from "./xdp.ts";

/** Bodies of helpers by name, without `bpf_`. */
export const HELPERS: HelperBodies = {
  ...ABSENT_HELPERS,
  ...CHECKSUM_HELPERS,
  ...CLOCK_HELPERS,
  ...CONTROL_HELPERS,
  ...DYNPTR_HELPERS,
  ...LOCK_HELPERS,
  ...LWT_HELPERS,
  ...MAP_HELPERS,
  ...OBJECT_HELPERS,
  ...PERF_HELPERS,
  ...PRINT_HELPERS,
  ...PROBE_HELPERS,
  ...REDIRECT_HELPERS,
  ...REDIRECT_MAP_HELPERS,
  ...RINGBUF_HELPERS,
  ...ROUTE_HELPERS,
  ...SKB_CHECKSUM_HELPERS,
  ...SKB_HEADER_HELPERS,
  ...SKB_HELPERS,
  ...SK_MSG_HELPERS,
  ...SOCKET_HELPERS,
  ...SOCK_OPS_HELPERS,
  ...STACK_HELPERS,
  ...STORAGE_HELPERS,
  ...STRING_HELPERS,
  ...SYNCOOKIE_HELPERS,
  ...SYSCTL_HELPERS,
  ...TASK_HELPERS,
  ...TRACING_HELPERS,
  ...TUNNEL_HELPERS,
  ...XDP_HELPERS,
};

/** Bodies of kfuncs by name. */
export const KFUNCS: HelperBodies = {
  ...ABSENT_KFUNCS,
  ...ARENA_KFUNCS,
  ...CPUMASK_KFUNCS,
  ...DYNPTR_KFUNCS,
  ...ITERATOR_KFUNCS,
  ...LIST_KFUNCS,
  ...LOCK_KFUNCS,
  ...OBJECT_KFUNCS,
  ...PACKET_KFUNCS,
  ...TREE_KFUNCS,
};

/**
 * Makes the helpers for an environment.
 *
 * @param env The environment.
 * @returns The helpers by id.
 */
export function bindHelpers(env: Environment): HelperTable {
  const table: HelperTable = new Map();
  for (const [name, body] of Object.entries(HELPERS)) {
    const signature = helperByName(name);
    if (signature === null) throw new InvariantError(`no helper has the name ${name}`);
    table.set(signature.id, body(env));
  }
  return table;
}

/**
 * Makes the kfuncs for an environment.
 *
 * @param env The environment.
 * @returns The kfuncs by name.
 */
export function bindKfuncs(env: Environment): KfuncTable {
  return new Map(Object.entries(KFUNCS).map(([name, body]) => [name, body(env)]));
}

/** A helper or kfunc that a program calls. */
export interface CalledFunction {
  /** Its name, a helper's without `bpf_`; `#` and its id if it has none. */
  readonly name: string;
  /** What it is. */
  readonly kind: "helper" | "kfunc";
}

/** The functions that some functions can reach by calls and callbacks, themselves included. */
function reachable(
  program: Program,
  roots: readonly ProgramFunction[],
): readonly ProgramFunction[] {
  const found = [...roots];
  const seen = new Set(found);
  for (let i = 0; i < found.length; i++) {
    const { section, first, last } = found[i];
    for (let at = first; at < last; at++) {
      const target = section.targets.get(section.slots[at]);
      if (target?.kind !== "function") continue;
      const callee = program.functions[target.index];
      if (seen.has(callee)) continue;
      seen.add(callee);
      found.push(callee);
    }
  }
  return found;
}

/** Whether a call stands where libbpf found that a relocation fails: the program never gets there. */
function isPoison(imm: number): boolean {
  return imm === 0xbad2310 || imm >= 2_001_000_000;
}

/**
 * Lists the helpers and kfuncs that a program calls.
 *
 * @param program The program.
 * @param roots The functions to begin with; by default all.
 * @returns Each once, in the order of the first call.
 */
export function calledFunctions(
  program: Program,
  roots: readonly ProgramFunction[] = program.functions,
): CalledFunction[] {
  const found = new Map<string, CalledFunction>();
  for (const { section, first, last } of reachable(program, roots)) {
    for (let at = first; at < last; at++) {
      const { op, imm, off } = section.insns[at];
      const target = section.targets.get(section.slots[at]);
      if (op.kind !== "call" || target?.kind === "function") continue;
      if (target === undefined && (op.fn === "local" || isPoison(imm))) continue;
      const called: CalledFunction = op.fn === "helper" && target === undefined
        ? { kind: "helper", name: helperById(imm)?.name ?? `#${imm}` }
        : { kind: "kfunc", name: target?.name ?? `#${imm}${off === 0 ? "" : `@${off}`}` };
      found.set(`${called.kind} ${called.name}`, called);
    }
  }
  return [...found.values()];
}

/**
 * Whether a sandbox has the body of a helper or kfunc.
 *
 * @param called The helper or kfunc.
 * @returns False if a call of it would fault.
 */
export function isSupported({ kind, name }: CalledFunction): boolean {
  return Object.hasOwn(kind === "helper" ? HELPERS : KFUNCS, name);
}
