/**
 * Places in memory, which of them may overlap, and what instructions may write.
 *
 * A place is a root value, a displacement and a size. Roots belong to objects: the frame, a map. Places in
 * different objects are apart; so are places of one root whose bytes do not meet.
 *
 * @module
 */

import type { IrFunction, Value } from "../../ir/function.ts";
import { reversePostOrder } from "../../ir/order.ts";
import { helperById } from "../../isa/helpers.ts";
import type { PassEnvironment } from "../pass.ts";
import { FramePointers, type FrameRange } from "./frame.ts";

/** Objects: unknown, the frame; others are 2 + the id of a map's symbol. */
export const UNKNOWN = 0, FRAME = 1;
const MAPS = 2;

/** Helpers that write nothing but what their arguments point to, and change no context; by name. */
const HARMLESS: ReadonlySet<string> = new Set([
  ...["map_lookup_elem", "map_lookup_percpu_elem", "tail_call", "trace_printk", "csum_diff"],
  ...["probe_read", "probe_read_str", "probe_read_user", "probe_read_user_str"],
  ...["probe_read_kernel", "probe_read_kernel_str", "copy_from_user", "get_stack", "get_stackid"],
  ...["ktime_get_ns", "ktime_get_boot_ns", "ktime_get_coarse_ns", "ktime_get_tai_ns", "jiffies64"],
  ...["get_prandom_u32", "get_smp_processor_id", "get_numa_node_id", "get_current_task"],
  ...["get_current_task_btf", "get_current_pid_tgid", "get_current_uid_gid", "get_current_comm"],
  ...["get_current_cgroup_id", "get_current_ancestor_cgroup_id", "current_task_under_cgroup"],
  ...[
    "perf_event_output",
    "ringbuf_output",
    "ringbuf_reserve",
    "ringbuf_submit",
    "ringbuf_discard",
  ],
  ...["skb_load_bytes", "skb_load_bytes_relative", "xdp_load_bytes", "fib_lookup", "get_func_ip"],
  ...["get_attach_cookie", "strncmp", "snprintf", "redirect", "redirect_map", "per_cpu_ptr"],
  ...["this_cpu_ptr", "task_pt_regs", "get_netns_cookie", "get_socket_cookie", "strtol", "strtoul"],
]);

/** A place in memory. */
export interface Place {
  /** The value that the address is computed from. */
  readonly root: Value;
  /** Displacement from it in bytes. */
  readonly off: number;
  /** Its size in bytes. */
  readonly size: number;
  /** The object that it is in. */
  readonly object: number;
}

/** The memory of a function as it was when this was made. */
export class Memory {
  /** The frame pointers. */
  readonly frames: FramePointers;
  readonly #objects: Int32Array;
  readonly #frame: Value;
  readonly #environment: PassEnvironment;

  /**
   * Looks at all addresses of a function.
   *
   * @param fn The function.
   * @param environment What is known of the program.
   */
  constructor(fn: IrFunction, environment: PassEnvironment) {
    this.#environment = environment;
    this.#frame = fn.frame;
    this.frames = new FramePointers(fn, environment);
    this.#objects = new Int32Array(fn.valueCount);
    for (const block of reversePostOrder(fn)) {
      for (const value of block.insns) this.#objects[value.id] = this.#objectOf(value);
    }
  }

  #object(value: Value): number {
    if (this.frames.isFrame(value)) return FRAME;
    if (value.op === "symbol") {
      return value.ref!.kind === "map_value" ? UNKNOWN : MAPS + value.id;
    }
    return value.id < this.#objects.length ? this.#objects[value.id] : UNKNOWN;
  }

  #objectOf(value: Value): number {
    const { args, op } = value;
    if (op === "copy") return this.#object(args[0]);
    if (op === "alu" && value.width === 64 && (value.fn === "add" || value.fn === "sub")) {
      const a = this.#object(args[0]), b = this.#object(args[1]);
      return b === UNKNOWN ? a : a === UNKNOWN ? b : UNKNOWN;
    }
    if (op !== "call" || value.callee!.kind !== "helper" || !this.#environment.kernelHelpers) {
      return UNKNOWN;
    }
    const name = helperById(value.callee!.id)?.name;
    // Two symbols are two maps; an element of a map of maps is another map.
    return name === "map_lookup_elem" && args[0].op === "symbol" ? MAPS + args[0].id : UNKNOWN;
  }

  /**
   * The place that a memory access is to.
   *
   * @param value A `load`, `store` or `atomic`.
   * @returns The place.
   */
  place(value: Value): Place {
    const [base] = value.args;
    const { size, off } = value;
    const offset = this.frames.offset(base);
    if (!Number.isNaN(offset)) {
      return { root: this.#frame, off: offset + off, size, object: FRAME };
    }
    const object = this.#object(base);
    if (base.op === "alu" && base.fn === "add" && base.width === 64 && base.core === null) {
      const [root, added] = base.args;
      if (added.op === "const") {
        return { root, off: off + Number(BigInt.asIntN(64, added.imm)), size, object };
      }
    }
    return { root: base, off, size, object };
  }

  /**
   * Whether two places may share bytes.
   *
   * @param a A place.
   * @param b A place.
   * @returns Whether they may.
   */
  overlap(a: Place, b: Place): boolean {
    if (a.root === b.root) return a.off < b.off + b.size && b.off < a.off + a.size;
    if (a.object === b.object) return true;
    if (a.object === FRAME || b.object === FRAME) {
      // On the virtual machine an address may come from anywhere, the frame's among them.
      return this.#environment.target === "vm" && (a.object === UNKNOWN || b.object === UNKNOWN);
    }
    return a.object === UNKNOWN || b.object === UNKNOWN;
  }

  /**
   * Whether a place is one that a call, which touches these bytes of the frame, may write.
   *
   * @param call The call.
   * @param ranges What it touches, from {@link FramePointers.touchedBy}.
   * @param place The place.
   * @returns Whether it may.
   */
  mayWrite(call: Value, ranges: readonly FrameRange[], place: Place): boolean {
    if (place.object === FRAME) {
      const isFrame = place.root === this.#frame;
      return ranges.some(({ start, end, written }) =>
        written && (!isFrame || place.off < end && start < place.off + place.size)
      ) || !isFrame && ranges.length > 0;
    }
    return this.#writesElsewhere(call, place);
  }

  /** Whether a call may write memory other than the frame, in the object of a place. */
  #writesElsewhere(call: Value, place: Place): boolean {
    const callee = call.callee!;
    if (callee.kind !== "helper" || !this.#environment.kernelHelpers) return true;
    const signature = helperById(callee.id);
    if (signature === null || !HARMLESS.has(signature.name)) return true;
    return call.args.some((arg, i) => {
      const kind = signature.params[i]?.kind;
      if (kind !== "memory" && kind !== "object" && kind !== "map_value") return false;
      if (signature.params[i].type.startsWith("const ")) return false;
      const object = this.#object(arg);
      return object !== FRAME &&
        (object === UNKNOWN || place.object === UNKNOWN || object === place.object);
    });
  }
}
