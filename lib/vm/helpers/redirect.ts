/**
 * Helpers that send a packet to a network interface. A sandbox sends nothing: it notes where to.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { failure, type HelperBodies, u32, u64 } from "./body.ts";
import { skbOf } from "./contexts.ts";

/** Actions that the helpers return. */
const XDP = { ABORTED: 0n, REDIRECT: 4n } as const;
const TC = { SHOT: 2n, REDIRECT: 7n } as const;
/** BPF_F_INGRESS. */
const INGRESS = 1n;
/** Size of struct bpf_redir_neigh in bytes. */
const NEIGHBOUR_SIZE = 20;

function note(env: Environment, helper: string, ifindex: number, flags: bigint): void {
  env.records.redirect({ helper, ifindex, map: "", key: 0, flags });
}

/** Whether there is a network interface of an index. */
function hasDevice({ providers }: Environment, ifindex: number): boolean {
  return providers.device === undefined ? ifindex !== 0 : providers.device(ifindex) !== null;
}

/** Helpers that send a packet to a network interface. */
export const REDIRECT_HELPERS: HelperBodies = {
  redirect: (env) => (_, r1, r2) => {
    const isXdp = env.context?.type === "xdp";
    const flags = u64(r2);
    if ((flags & ~(isXdp ? 0n : INGRESS)) !== 0n) return isXdp ? XDP.ABORTED : TC.SHOT;
    note(env, "redirect", u32(r1), flags);
    return isXdp ? XDP.REDIRECT : TC.REDIRECT;
  },
  redirect_peer: (env) => (_, r1, r2) => {
    if (u64(r2) !== 0n) return TC.SHOT;
    note(env, "redirect_peer", u32(r1), 0n);
    return TC.REDIRECT;
  },
  redirect_neigh: (env) => ({ memory }, r1, r2, r3, r4) => {
    const size = u32(r3);
    if (size !== 0 && size < NEIGHBOUR_SIZE || u64(r4) !== 0n) return TC.SHOT;
    memory.slice(r2, size, false);
    note(env, "redirect_neigh", u32(r1), 0n);
    return TC.REDIRECT;
  },
  clone_redirect: (env) => (_, r1, r2, r3) => {
    const skb = skbOf(env, r1);
    const flags = u64(r3), ifindex = u32(r2);
    if ((flags & ~INGRESS) !== 0n) return failure("EINVAL");
    if (skb.isGso) return failure("EBADMSG");
    if (!hasDevice(env, ifindex)) return failure("EINVAL");
    skb.makeWritable(skb.packet.linearLength);
    note(env, "clone_redirect", ifindex, flags);
    return 0n;
  },
};
