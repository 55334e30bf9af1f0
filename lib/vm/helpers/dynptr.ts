/**
 * Helpers and kfuncs of dynamic pointers.
 *
 * @module
 */

import { type Dynptr, dynptrAddress, dynptrHas, type DynptrKind } from "../dynptr.ts";
import { loadDynptr, MAX_DYNPTR, readDynptr, storeDynptr, writeDynptr } from "../dynptr.ts";
import type { Environment } from "../environment.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";
import { skbOf, xdpOf } from "./contexts.ts";
import { finishRecord, reserveRecord } from "./ringbuf.ts";

/** Program types that may not write to their packet. */
const READ_ONLY_TYPES: ReadonlySet<string> = new Set(
  // deno-fmt-ignore
  ["socket_filter", "cgroup_skb", "lwt_in", "lwt_out", "lwt_seg6local", "flow_dissector", "sk_reuseport"],
);

const fromMemory: HelperFactory = ({ memory }) => (_context, r1, r2, r3, r4) => {
  const size = u32(r2);
  storeDynptr(memory, r4, null);
  if (size > MAX_DYNPTR) return failure("E2BIG");
  if (u64(r3) !== 0n) return failure("EINVAL");
  storeDynptr(memory, r4, { kind: "local", data: u64(r1), size, offset: 0, readOnly: false });
  return 0n;
};

const reserveInRing: HelperFactory = (env) => (_context, r1, r2, r3, r4) => {
  const { memory } = env;
  const size = u32(r2);
  storeDynptr(memory, r4, null);
  if (u64(r3) !== 0n) return failure("EINVAL");
  if (size > MAX_DYNPTR) return failure("E2BIG");
  const data = reserveRecord(env, r1, size);
  if (data === 0) return failure("EINVAL");
  storeDynptr(memory, r4, {
    kind: "ringbuf",
    data: BigInt(data),
    size,
    offset: 0,
    readOnly: false,
  });
  return 0n;
};

const finishInRing = (name: string, submit: boolean): HelperFactory => (env) => (_context, r1) => {
  const dynptr = loadDynptr(env.memory, r1);
  if (dynptr === null) return 0n;
  finishRecord(env, dynptr.data, submit, name);
  storeDynptr(env.memory, r1, null);
  return 0n;
};

const read: HelperFactory = (env) => (_context, r1, r2, r3, r4, r5) => {
  const dynptr = loadDynptr(env.memory, r3);
  const size = u32(r2), offset = u32(r4);
  if (dynptr === null || u64(r5) !== 0n) return failure("EINVAL");
  if (!dynptrHas(dynptr, offset, size)) return failure("E2BIG");
  const bytes = readDynptr(env, dynptr, offset, size);
  if (typeof bytes === "number") return result(bytes);
  env.memory.slice(r1, size, true).set(bytes);
  return 0n;
};

const write: HelperFactory = (env) => (_context, r1, r2, r3, r4, r5) => {
  const dynptr = loadDynptr(env.memory, r1);
  const offset = u32(r2), size = u32(r4);
  if (dynptr === null || dynptr.readOnly) return failure("EINVAL");
  if (!dynptrHas(dynptr, offset, size)) return failure("E2BIG");
  if (dynptr.kind !== "skb" && u64(r5) !== 0n) return failure("EINVAL");
  return result(writeDynptr(env, dynptr, offset, env.memory.slice(r3, size, false)));
};

const isInMemory = ({ kind }: Dynptr): boolean => kind === "local" || kind === "ringbuf";

const data: HelperFactory = (env) => (_context, r1, r2, r3) => {
  const dynptr = loadDynptr(env.memory, r1);
  const offset = u32(r2), size = u32(r3);
  if (dynptr === null || dynptr.readOnly || !isInMemory(dynptr)) return 0n;
  return dynptrHas(dynptr, offset, size) ? dynptrAddress(env, dynptr, offset, size) : 0n;
};

/** Helpers of dynamic pointers. */
export const DYNPTR_HELPERS: HelperBodies = {
  dynptr_from_mem: fromMemory,
  ringbuf_reserve_dynptr: reserveInRing,
  ringbuf_submit_dynptr: finishInRing("ringbuf_submit_dynptr", true),
  ringbuf_discard_dynptr: finishInRing("ringbuf_discard_dynptr", false),
  dynptr_read: read,
  dynptr_write: write,
  dynptr_data: data,
};

/** A view of the whole packet. */
function viewPacket(
  { memory, context }: Environment,
  kind: DynptrKind,
  size: number,
  flags: bigint,
  at: bigint,
): bigint {
  storeDynptr(memory, at, null);
  if (u64(flags) !== 0n) return failure("EINVAL");
  const readOnly = READ_ONLY_TYPES.has(context?.type ?? "");
  storeDynptr(memory, at, { kind, data: 1n, size, offset: 0, readOnly });
  return 0n;
}

/** A range in place if it is in memory, else copied to the buffer of the program, if there is one. */
const slice = (forWriting: boolean): HelperFactory => (env) => (_context, r1, r2, r3, r4) => {
  const dynptr = loadDynptr(env.memory, r1);
  const offset = u32(r2), size = u32(r4), target = u64(r3);
  if (dynptr === null || forWriting && dynptr.readOnly) return 0n;
  if (!dynptrHas(dynptr, offset, size)) return 0n;
  const inPlace = dynptrAddress(env, dynptr, offset, size);
  if (inPlace !== 0n || target === 0n) return inPlace;
  const bytes = readDynptr(env, dynptr, offset, size);
  if (typeof bytes === "number") return 0n;
  env.memory.slice(target, size, true).set(bytes);
  return target;
};

const adjust: HelperFactory = ({ memory }) => (_context, r1, r2, r3) => {
  const dynptr = loadDynptr(memory, r1);
  const start = u32(r2), end = u32(r3);
  if (dynptr === null || start > end) return failure("EINVAL");
  if (end > dynptr.size) return failure("ERANGE");
  storeDynptr(memory, r1, { ...dynptr, offset: dynptr.offset + start >>> 0, size: end - start });
  return 0n;
};

const clone: HelperFactory = ({ memory }) => (_context, r1, r2) => {
  const dynptr = loadDynptr(memory, r1);
  storeDynptr(memory, r2, dynptr);
  return dynptr === null ? failure("EINVAL") : 0n;
};

const copy: HelperFactory = (env) => (_context, r1, r2, r3, r4, r5) => {
  const target = loadDynptr(env.memory, r1), source = loadDynptr(env.memory, r3);
  const to = u32(r2), from = u32(r4), size = u32(r5);
  if (target === null || source === null || target.readOnly) return failure("EINVAL");
  if (!dynptrHas(target, to, size) || !dynptrHas(source, from, size)) return failure("E2BIG");
  const bytes = readDynptr(env, source, from, size);
  if (typeof bytes === "number") return result(bytes);
  return result(writeDynptr(env, target, to, bytes.slice()));
};

const fill: HelperFactory = (env) => (_context, r1, r2, r3, r4) => {
  const dynptr = loadDynptr(env.memory, r1);
  const offset = u32(r2), size = u32(r3);
  if (dynptr === null || dynptr.readOnly) return failure("EINVAL");
  if (!dynptrHas(dynptr, offset, size)) return failure("E2BIG");
  return result(writeDynptr(env, dynptr, offset, new Uint8Array(size).fill(u32(r4))));
};

/** Kfuncs of dynamic pointers. */
export const DYNPTR_KFUNCS: HelperBodies = {
  bpf_dynptr_from_skb: (env) => (_context, r1, r2, r3) =>
    viewPacket(env, "skb", skbOf(env, r1).packet.length, r2, r3),
  bpf_dynptr_from_xdp: (env) => (_context, r1, r2, r3) =>
    viewPacket(env, "xdp", xdpOf(env, r1).packet.length, r2, r3),
  bpf_dynptr_slice: slice(false),
  bpf_dynptr_slice_rdwr: slice(true),
  bpf_dynptr_adjust: adjust,
  bpf_dynptr_is_null: ({ memory }) => (_context, r1) => loadDynptr(memory, r1) === null ? 1n : 0n,
  bpf_dynptr_is_rdonly: ({ memory }) => (_context, r1) =>
    loadDynptr(memory, r1)?.readOnly === true ? 1n : 0n,
  bpf_dynptr_size: ({ memory }) => (_context, r1) => {
    const dynptr = loadDynptr(memory, r1);
    return dynptr === null ? failure("EINVAL") : BigInt(dynptr.size);
  },
  bpf_dynptr_clone: clone,
  bpf_dynptr_copy: copy,
  bpf_dynptr_memset: fill,
};
