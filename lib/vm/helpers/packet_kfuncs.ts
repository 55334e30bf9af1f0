/**
 * Kfuncs of programs on packets (net/core/filter.c, net/core/xdp.c).
 *
 * @module
 */

import { failure, type HelperBodies, type HelperFactory, u32, u64 } from "./body.ts";
import { skbOf, xdpOf } from "./contexts.ts";

/** Size of struct bpf_tcp_req_attrs in bytes. */
const REQUEST_SIZE = 20;
/** State of a socket that waits for connections (TCP_LISTEN). */
const LISTEN = 10;

/** What only a driver could tell of a frame. */
const fromDriver: HelperFactory = (env) => (_context, r1) => {
  xdpOf(env, r1);
  return failure("EOPNOTSUPP");
};

const assignRequest: HelperFactory = (env) => ({ memory }, r1, r2, r3, r4) => {
  const skb = skbOf(env, r1);
  const size = u32(r4);
  memory.slice(r3, size, false);
  const state = Number(env.sockets.at(r2)?.fields.state ?? 0);
  if (size !== REQUEST_SIZE || !skb.isIp || state !== LISTEN) return failure("EINVAL");
  env.records.act("bpf_sk_assign_tcp_reqsk", u64(r2));
  return 0n;
};

/** Kfuncs of programs on packets. */
export const PACKET_KFUNCS: HelperBodies = {
  bpf_xdp_metadata_rx_timestamp: fromDriver,
  bpf_xdp_metadata_rx_hash: fromDriver,
  bpf_xdp_metadata_rx_vlan_tag: fromDriver,
  bpf_sk_assign_tcp_reqsk: assignRequest,
};
