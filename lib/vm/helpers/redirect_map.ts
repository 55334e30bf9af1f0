/**
 * Helpers that send a packet or message to the target of a map, or put a socket into one.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { wordAt, wordBytes } from "../maps/map.ts";
import { RedirectMap } from "../maps/redirect_map.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** XDP_REDIRECT. */
const XDP_REDIRECT = 4n;
/** SK_DROP and SK_PASS. */
const SOCKET = { drop: 0n, pass: 1n } as const;
/** The action to return where there is no target. */
const ACTION_MASK = 3n;
/** To all interfaces of the map; to all but the one that it came from. */
const BROADCAST = 8n, EXCLUDE_INGRESS = 16n;
/** Into the receiving queue of a socket (BPF_F_INGRESS). */
const INGRESS = 1n;

function targetsOf({ maps }: Environment, handle: bigint, helper: string): RedirectMap {
  const map = maps.argument(handle, helper);
  if (map instanceof RedirectMap) return map;
  throw new GuestFault("helper", `cannot call ${helper}: ${map.name} is a ${map.typeName}`);
}

const little = ({ memory }: Environment): boolean => memory.order === "little";

const redirectPacket: HelperFactory = (env) => (_context, r1, r2, r3) => {
  const map = targetsOf(env, r1, "redirect_map");
  const key = u32(r2), flags = u64(r3);
  const allowed = map.typeName.startsWith("devmap") ? BROADCAST | EXCLUDE_INGRESS : 0n;
  if ((flags & ~(ACTION_MASK | allowed)) !== 0n) return 0n;
  const isMissing = map.target(wordBytes(key, little(env))) === 0;
  if (isMissing && (flags & BROADCAST) === 0n) return flags & ACTION_MASK;
  env.records.redirect({ helper: "redirect_map", ifindex: 0, map: map.name, key, flags });
  return XDP_REDIRECT;
};

/** Redirects to a socket by its index, or by a key in memory. */
const redirectToSocket = (helper: string, byIndex: boolean): HelperFactory => (env) => {
  return (_context, _r1, r2, r3, r4) => {
    const map = targetsOf(env, r2, helper);
    const flags = u64(r4);
    const key = byIndex
      ? wordBytes(u32(r3), little(env))
      : env.memory.slice(r3, map.keySize, false);
    if ((flags & ~INGRESS) !== 0n || map.target(key) === 0) return SOCKET.drop;
    const word = key.length >= 4 ? wordAt(key, little(env)) : 0;
    env.records.redirect({ helper, ifindex: 0, map: map.name, key: word, flags });
    return SOCKET.pass;
  };
};

const putSocket = (helper: string): HelperFactory => (env) => (_context, r1, r2, r3, r4) => {
  const map = targetsOf(env, r2, helper);
  const key = env.memory.slice(r3, map.keySize, false);
  return result(map.putSocket(key, u32(r1), Number(u64(r4))));
};

const selectReuseport: HelperFactory = (env) => (_context, _r1, r2, r3, r4) => {
  const helper = "sk_select_reuseport";
  const map = targetsOf(env, r2, helper);
  const key = env.memory.slice(r3, map.keySize, false);
  if (u64(r4) !== 0n) return failure("EINVAL");
  if (map.target(key) === 0) return failure("ENOENT");
  const word = key.length >= 4 ? wordAt(key, little(env)) : 0;
  env.records.redirect({ helper, ifindex: 0, map: map.name, key: word, flags: 0n });
  return 0n;
};

/** Helpers that redirect to the targets of maps. */
export const REDIRECT_MAP_HELPERS: HelperBodies = {
  redirect_map: redirectPacket,
  sk_redirect_map: redirectToSocket("sk_redirect_map", true),
  sk_redirect_hash: redirectToSocket("sk_redirect_hash", false),
  msg_redirect_map: redirectToSocket("msg_redirect_map", true),
  msg_redirect_hash: redirectToSocket("msg_redirect_hash", false),
  sock_map_update: putSocket("sock_map_update"),
  sock_hash_update: putSocket("sock_hash_update"),
  sk_select_reuseport: selectReuseport,
};
