/**
 * Helpers of programs on the events of a TCP connection, and on the options of sockets (net/core/filter.c).
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { HelperContext } from "../machine.ts";
import { failure, type HelperBodies, result, s32, u32, u64 } from "./body.ts";
import { socketContextOf } from "./contexts.ts";

/** BPF_SOCK_OPS_ALL_CB_FLAGS. */
const ALL_CALLBACKS = 0x7f;
/** BPF_SOCK_OPS_*_CB: when the length of options is asked for, and when they are written. */
const EVENT = { OPTION_LENGTH: 14, WRITE_OPTIONS: 15 } as const;
/** BPF_LOAD_HDR_OPT_TCP_SYN: look into the SYN that opened the connection. */
const IN_SYN = 1n;
/** TCP options. */
const OPTION = { END: 0, NOTHING: 1, EXPERIMENT: 254, OTHER_EXPERIMENT: 253 } as const;
/** Length of a TCP header without options. */
const TCP_HEADER = 20;
/** Most bytes of TCP options. */
const MAX_OPTIONS = 40;
/** Most bytes of the value of a socket option. */
const MAX_VALUE = 1 << 16;

/** Whether a TCP option, kind and length first, is of a kind and begins with a magic number. */
function matches(option: Uint8Array, kind: number, magic: Uint8Array): boolean {
  return option[0] === kind && magic.every((byte, i) => option[2 + i] === byte);
}

/** Finds a TCP option (`bpf_search_tcp_opt`); an error number if there is none, or the options are malformed. */
function findOption(
  options: Uint8Array,
  kind: number,
  magic: Uint8Array,
): Uint8Array | "ENOMSG" | "EFAULT" {
  for (let at = 0; at < options.length;) {
    if (options[at] === OPTION.END) return "ENOMSG";
    if (options[at] === OPTION.NOTHING) {
      at++;
      continue;
    }
    const size = options[at + 1] ?? 0;
    if (size < 2 || at + size > options.length) return "EFAULT";
    const option = options.subarray(at, at + size);
    if (matches(option, kind, magic)) return option;
    at += size;
  }
  return "ENOMSG";
}

/** What to look for: kind and length, then a magic number for experiments; null if it is malformed. */
function searched(bytes: Uint8Array): { kind: number; magic: Uint8Array } | null {
  const [kind, length] = bytes;
  if (length > bytes.length || kind === OPTION.NOTHING || kind === OPTION.END) return null;
  if (kind !== OPTION.EXPERIMENT && kind !== OPTION.OTHER_EXPERIMENT) {
    return length === 0 ? { kind, magic: new Uint8Array(0) } : null;
  }
  return length === 4 || length === 6 ? { kind, magic: bytes.slice(2, length) } : null;
}

function loadOption(
  env: Environment,
  { memory }: HelperContext,
  [context, address, length, flagBits]: readonly bigint[],
): bigint {
  const { packet, fields } = socketContextOf(env, context, "sock_ops");
  const size = u32(length), flags = u64(flagBits);
  if (size < 2 || (flags & ~IN_SYN) !== 0n) return failure("EINVAL");
  const target = memory.slice(address, size, true);
  const wanted = searched(target);
  if (wanted === null) return failure("EINVAL");
  // Nobody has saved the SYN of a connection that there never was.
  if ((flags & IN_SYN) !== 0n) return failure("ENOENT");
  if (packet === null || fields.get("op") === EVENT.OPTION_LENGTH) return failure("EPERM");
  const found = findOption(packet.bytes().subarray(TCP_HEADER), wanted.kind, wanted.magic);
  if (typeof found === "string") return failure(found);
  target.set(found.subarray(0, size));
  return found.length > size ? failure("ENOSPC") : result(found.length);
}

const optionKey = (level: number, name: number): string => `${level}:${name}`;

/** Helpers of programs on the events of a TCP connection, and on the options of sockets. */
export const SOCK_OPS_HELPERS: HelperBodies = {
  sock_ops_cb_flags_set: (env) => (_, r1, r2) => {
    const flags = s32(r2);
    socketContextOf(env, r1, "sock_ops").fields.assign({
      bpf_sock_ops_cb_flags: flags & ALL_CALLBACKS,
    });
    return result(flags & ~ALL_CALLBACKS);
  },
  load_hdr_opt: (env) => (context, ...args) => loadOption(env, context, args),
  store_hdr_opt: (env) => ({ memory }, r1, r2, r3, r4) => {
    const { fields } = socketContextOf(env, r1, "sock_ops");
    const size = u32(r3);
    if (fields.get("op") !== EVENT.WRITE_OPTIONS) return failure("EPERM");
    if (size < 2 || u64(r4) !== 0n) return failure("EINVAL");
    const option = memory.slice(r2, size, false);
    const [kind, length] = option;
    if (kind === OPTION.END || kind === OPTION.NOTHING || length < 2 || length > size) {
      return failure("EINVAL");
    }
    if (length > MAX_OPTIONS) return failure("ENOSPC");
    env.records.act("store_hdr_opt", ...Array.from(option.subarray(0, length), BigInt));
    return 0n;
  },
  reserve_hdr_opt: (env) => (_, r1, r2, r3) => {
    const { fields } = socketContextOf(env, r1, "sock_ops");
    const size = u32(r2);
    if (fields.get("op") !== EVENT.OPTION_LENGTH) return failure("EPERM");
    if (u64(r3) !== 0n || size < 2) return failure("EINVAL");
    if (size > MAX_OPTIONS) return failure("ENOSPC");
    env.records.act("reserve_hdr_opt", BigInt(size));
    return 0n;
  },
  setsockopt: (env) => ({ memory }, r1, r2, r3, r4, r5) => {
    const size = u32(r5);
    if (size > MAX_VALUE) return failure("EINVAL");
    const value = memory.slice(r4, size, false).slice();
    env.sockets.options(r1).set(optionKey(s32(r2), s32(r3)), value);
    env.records.act("setsockopt", BigInt(u32(r2)), BigInt(u32(r3)));
    return 0n;
  },
  getsockopt: (env) => ({ memory }, r1, r2, r3, r4, r5) => {
    const target = memory.slice(r4, u32(r5), true);
    target.fill(0);
    const value = env.sockets.options(r1).get(optionKey(s32(r2), s32(r3)));
    if (value !== undefined) target.set(value.subarray(0, target.length));
    return 0n;
  },
  bind: (env) => ({ memory }, _, r2, r3) => {
    const size = u32(r3);
    memory.slice(r2, size, false);
    env.records.act("bind", BigInt(size));
    return 0n;
  },
  tcp_send_ack: (env) => (_, r1, r2) => {
    env.records.act("tcp_send_ack", u64(r1), BigInt(u32(r2)));
    return 0n;
  },
};
