/**
 * Helpers that look for sockets and tell about them. The sockets are those of the caller.
 *
 * @module
 */

import type { NamedValues, RunContext } from "../contexts/context.ts";
import { SkbContext } from "../contexts/skb.ts";
import { SocketContext } from "../contexts/socket_contexts.ts";
import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import type { GuestSocket } from "../sockets.ts";
import { failure, type HelperBodies, type HelperFactory, s32, u32, u64 } from "./body.ts";

/** Sizes of struct bpf_sock_tuple in bytes. */
const TUPLE_SIZES: ReadonlySet<number> = new Set([12, 36]);
/** IPPROTO_*. */
const PROTOCOL = { TCP: 6, UDP: 17 } as const;
/** State of a socket that waits for connections (TCP_LISTEN). */
const LISTEN = 10;
/** User id of what has none. */
const OVERFLOW_UID = 65_534n;
/** The network namespace of the program (BPF_F_CURRENT_NETNS). */
const CURRENT = -1;

/** The socket at an address; a fault if none is there. */
function socketAt(env: Environment, register: bigint): GuestSocket {
  const socket = env.sockets.at(register);
  if (socket !== null) return socket;
  throw new GuestFault("helper", `cannot use 0x${u64(register).toString(16)}: no socket is there`);
}

/** The socket of a context; null if it has none. */
function socketOfContext(env: Environment, context: RunContext): GuestSocket | null {
  if (!(context instanceof SkbContext || context instanceof SocketContext)) return null;
  if (!context.fields.layout.byName.has("sk")) return null;
  return env.sockets.at(BigInt(context.fields.get("sk")));
}

/** The socket that an argument means: itself, or that of the context. */
function socketOf(env: Environment, register: bigint): GuestSocket | null {
  const { context } = env;
  if (context !== null && register === BigInt(context.address)) {
    return socketOfContext(env, context);
  }
  return register === 0n ? null : env.sockets.at(register);
}

const extra = ({ fields }: GuestSocket, name: string): bigint | null => {
  const value = fields[name];
  return typeof value === "number" || typeof value === "bigint" ? BigInt(value) : null;
};

const lookUp = (helper: string, protocol: number): HelperFactory => (env) => {
  return ({ memory }, _r1, r2, r3, r4, r5) => {
    const size = u32(r3), namespace = BigInt.asIntN(64, r4), flags = u64(r5);
    const tuple = memory.slice(r2, size, false).slice();
    const isOutside = BigInt.asIntN(32, namespace) < 0n && namespace !== BigInt(CURRENT);
    if (flags !== 0n || isOutside || !TUPLE_SIZES.has(size)) return 0n;
    const found = env.providers.socket?.({ helper, tuple, namespace, flags }) ?? null;
    if (found === null) return 0n;
    const fields: NamedValues = { family: size === 12 ? 2 : 10, protocol, ...found };
    return BigInt(env.sockets.add(fields));
  };
};

/** A socket under another type, if it is of the protocol. */
const cast = (protocol: number, family: number | null): HelperFactory => (env) => (_, r1) => {
  const socket = r1 === 0n ? null : env.sockets.at(r1);
  if (socket === null || Number(socket.fields.protocol ?? 0) !== protocol) return 0n;
  return family !== null && Number(socket.fields.family ?? 0) !== family ? 0n : u64(r1);
};

/** A socket is never of a kind that has no address of its own here. */
const none: HelperFactory = () => () => 0n;

const isFull = (socket: GuestSocket): boolean => extra(socket, "fullsock") !== 0n;

/** The id of a cgroup of the current task, which stands for the owner of every socket. */
function cgroupId({ task: { cgroups } }: Environment, level: number): bigint {
  return level < 0 ? 0n : cgroups[level] ?? 0n;
}

const ofSocket =
  (tell: (env: Environment, socket: GuestSocket | null, r2: bigint) => bigint): HelperFactory =>
  (env) =>
  (_, r1, r2) => tell(env, socketOf(env, r1), r2);

const ownCgroup = ofSocket((env, socket) =>
  socket === null ? 0n : cgroupId(env, env.task.cgroups.length - 1)
);
const ancestorCgroup = ofSocket((env, socket, level) =>
  socket === null ? 0n : cgroupId(env, s32(level))
);

/** Helpers that look for sockets and tell about them. */
export const SOCKET_HELPERS: HelperBodies = {
  sk_lookup_tcp: lookUp("sk_lookup_tcp", PROTOCOL.TCP),
  sk_lookup_udp: lookUp("sk_lookup_udp", PROTOCOL.UDP),
  skc_lookup_tcp: lookUp("skc_lookup_tcp", PROTOCOL.TCP),
  sk_release: (env) => (_, r1) => {
    socketAt(env, r1);
    return 0n;
  },
  sk_fullsock: (env) => (_, r1) => {
    if (r1 === 0n) return 0n;
    return isFull(socketAt(env, r1)) ? u64(r1) : 0n;
  },
  tcp_sock: (env) => (_, r1) => {
    if (r1 === 0n) return 0n;
    const socket = socketAt(env, r1);
    return isFull(socket) ? BigInt(socket.tcpAddress) : 0n;
  },
  get_listener_sock: (env) => (_, r1) => {
    if (r1 === 0n) return 0n;
    return extra(socketAt(env, r1), "state") === BigInt(LISTEN) ? u64(r1) : 0n;
  },
  skc_to_tcp_sock: cast(PROTOCOL.TCP, null),
  skc_to_tcp6_sock: cast(PROTOCOL.TCP, 10),
  skc_to_udp6_sock: cast(PROTOCOL.UDP, 10),
  skc_to_tcp_timewait_sock: none,
  skc_to_tcp_request_sock: none,
  skc_to_unix_sock: none,
  skc_to_mptcp_sock: none,
  sk_assign: (env) => (_, _r1, r2, r3) => {
    const flags = u64(r3);
    const { context } = env;
    const isLookup = context instanceof SocketContext && context.type === "sk_lookup";
    if ((flags & ~(isLookup ? 3n : 0n)) !== 0n) return failure("EINVAL");
    if (r2 !== 0n) socketAt(env, r2);
    if (isLookup) {
      if (context.fields.get("sk") !== 0 && (flags & 1n) === 0n) return failure("EEXIST");
      context.fields.assign({ sk: u64(r2) });
    }
    env.records.act("sk_assign", u64(r2), flags);
    return 0n;
  },
  get_socket_cookie: ofSocket((_env, socket) =>
    socket === null ? 0n : extra(socket, "cookie") ?? BigInt(socket.number)
  ),
  get_netns_cookie: ofSocket((_env, socket) =>
    (socket === null ? null : extra(socket, "netns_cookie")) ?? 1n
  ),
  get_socket_uid: ofSocket((_env, socket) =>
    socket === null ? OVERFLOW_UID : extra(socket, "uid") ?? 0n
  ),
  get_cgroup_classid: ofSocket((_env, socket) =>
    (socket === null ? null : extra(socket, "classid")) ?? 0n
  ),
  skb_cgroup_classid: ofSocket((_env, socket) =>
    (socket === null ? null : extra(socket, "classid")) ?? 0n
  ),
  skb_cgroup_id: ownCgroup,
  sk_cgroup_id: ownCgroup,
  skb_ancestor_cgroup_id: ancestorCgroup,
  sk_ancestor_cgroup_id: ancestorCgroup,
  skb_under_cgroup: (env) => (_, r1, r2, r3) => {
    if (socketOf(env, r1) === null) return failure("ENOENT");
    const map = env.maps.argument(r2, "skb_under_cgroup");
    const index = u32(r3);
    if (index >= map.maxEntries) return failure("E2BIG");
    const value = map.read(indexKey(index, env));
    if (typeof value === "number") return failure("EAGAIN");
    const id = new DataView(value.buffer, value.byteOffset).getUint32(0, isLittle(env));
    if (id === 0) return failure("EAGAIN");
    return env.task.cgroups.includes(BigInt(id)) ? 1n : 0n;
  },
};

const isLittle = ({ memory }: Environment): boolean => memory.order === "little";

/** A key of an array. */
function indexKey(index: number, env: Environment): Uint8Array {
  const key = new Uint8Array(4);
  new DataView(key.buffer).setUint32(0, index, isLittle(env));
  return key;
}
