/**
 * Helpers that ask for routes and interfaces (net/core/filter.c).
 *
 * @module
 */

import { readFields, writeFields } from "../contexts/layout.ts";
import { SkbContext } from "../contexts/skb.ts";
import { FIB_LOOKUP } from "../contexts/structs.ts";
import { XdpContext } from "../contexts/xdp.ts";
import type { Environment } from "../environment.ts";
import type { FibRequest, FibRoute, NetworkDevice } from "../providers.ts";
import { failure, type HelperBodies, result, s32, u32, u64 } from "./body.ts";
import { skbOf, xdpOf } from "./contexts.ts";

const FAMILY = { IPV4: 2, IPV6: 10 } as const;
/** All BPF_FIB_LOOKUP_*. */
const FIB_FLAGS = 0x3f;
/** BPF_FIB_LKUP_RET_*. */
const FIB_RESULT = { SUCCESS: 0, NOT_FORWARDED: 4, FRAGMENTATION_NEEDED: 8 } as const;
/** BPF_MTU_CHK_RET_*. */
const MTU_RESULT = { SUCCESS: 0n, FRAGMENTATION_NEEDED: 1n } as const;
/** BPF_MTU_CHK_SEGS. */
const SEGMENTS = 1n;
/** Length of an Ethernet header. */
const LINK_HEADER = 14;
const LOOPBACK: NetworkDevice = { mtu: 65_536 };
const ETHERNET: NetworkDevice = { mtu: 1500 };

/** The interface of an index; of 0 that of the packet. */
function deviceOf({ providers }: Environment, ifindex: number): NetworkDevice | null {
  if (providers.device !== undefined) return providers.device(ifindex);
  return ifindex === 1 ? LOOPBACK : ETHERNET;
}

/** The bytes of an array field. */
function addressOf(bytes: Uint8Array, name: string, family: number): Uint8Array {
  const { offset } = FIB_LOOKUP.byName.get(name)!;
  return bytes.slice(offset, offset + (family === FAMILY.IPV6 ? 16 : 4));
}

function requestOf(bytes: Uint8Array, env: Environment, flags: number): FibRequest {
  const fields = readFields(FIB_LOOKUP, bytes, env.memory.order);
  const network = readFields(FIB_LOOKUP, bytes, "big");
  const family = Number(fields.family);
  return {
    family,
    protocol: Number(fields.l4_protocol),
    source: addressOf(bytes, "ipv4_src", family),
    destination: addressOf(bytes, "ipv4_dst", family),
    sourcePort: Number(network.sport),
    destinationPort: Number(network.dport),
    totalLength: Number(fields.tot_len),
    ifindex: Number(fields.ifindex),
    flow: family === FAMILY.IPV6 ? Number(network.flowinfo) : Number(fields.tos),
    flags,
  };
}

/** Writes a route over the request that asked for it. */
function writeRoute(bytes: Uint8Array, env: Environment, route: FibRoute, mtu: number): void {
  const { gateway, sourceMac, destinationMac } = route;
  writeFields(FIB_LOOKUP, bytes, env.memory.order, {
    ifindex: route.ifindex,
    mtu_result: mtu,
    rt_metric: route.metric ?? 0,
    h_vlan_proto: 0,
    h_vlan_TCI: 0,
    ...sourceMac === undefined ? {} : { smac: sourceMac },
    ...destinationMac === undefined ? {} : { dmac: destinationMac },
    ...gateway === undefined ? {} : { [gateway.length === 16 ? "ipv6_dst" : "ipv4_dst"]: gateway },
    ...gateway === undefined ? {} : { family: gateway.length === 16 ? FAMILY.IPV6 : FAMILY.IPV4 },
  });
}

function lookUp(env: Environment, bytes: Uint8Array, flags: number): bigint {
  const request = requestOf(bytes, env, flags);
  if (request.family !== FAMILY.IPV4 && request.family !== FAMILY.IPV6) {
    return failure("EAFNOSUPPORT");
  }
  if (deviceOf(env, request.ifindex) === null) return failure("ENODEV");
  const route = env.providers.route?.(request) ?? null;
  if (route === null) return result(FIB_RESULT.NOT_FORWARDED);
  if (route.result !== FIB_RESULT.SUCCESS) return result(route.result);
  const mtu = route.mtu ?? deviceOf(env, route.ifindex)?.mtu ?? ETHERNET.mtu;
  const { context } = env;
  const length = request.totalLength ||
    (context instanceof SkbContext && !context.isGso ? context.packet.length - LINK_HEADER : 0);
  if (length > mtu) {
    writeFields(FIB_LOOKUP, bytes, env.memory.order, { mtu_result: mtu });
    return result(FIB_RESULT.FRAGMENTATION_NEEDED);
  }
  writeRoute(bytes, env, route, mtu);
  return 0n;
}

/** Length of the packet of a context, and whether it is to be segmented. */
function measured(env: Environment, register: bigint): { length: number; isGso: boolean } {
  if (env.context instanceof XdpContext) {
    return { length: xdpOf(env, register).packet.linearLength, isGso: false };
  }
  const { packet, isGso } = skbOf(env, register);
  return { length: packet.length, isGso };
}

/** Index of the interface of a packet. */
function ownDevice({ context }: Environment): number {
  if (context instanceof XdpContext) return context.ingress;
  return context instanceof SkbContext ? context.fields.get("ifindex") : 0;
}

/** Helpers that ask for routes and interfaces. */
export const ROUTE_HELPERS: HelperBodies = {
  fib_lookup: (env) => ({ memory }, _, r2, r3, r4) => {
    const flags = u32(r4);
    if (u32(r3) < FIB_LOOKUP.size || (flags & ~FIB_FLAGS) !== 0) return failure("EINVAL");
    return lookUp(env, memory.slice(r2, FIB_LOOKUP.size, true), flags);
  },
  check_mtu: (env) => ({ memory }, r1, r2, r3, r4, r5) => {
    const { length, isGso } = measured(env, r1);
    const flags = u64(r5), difference = s32(r4);
    const given = Number(memory.load(r3, 4));
    const isXdp = env.context instanceof XdpContext;
    if ((flags & ~(isXdp ? 0n : SEGMENTS)) !== 0n) return failure("EINVAL");
    if (flags !== 0n && (difference !== 0 || given !== 0)) return failure("EINVAL");
    const device = deviceOf(env, u32(r2) || ownDevice(env));
    if (device === null) return failure("ENODEV");
    const whole = (given === 0 ? length : given + LINK_HEADER) + difference | 0;
    memory.store(r3, 4, BigInt(device.mtu));
    const fits = whole <= device.mtu + LINK_HEADER || isGso;
    return fits ? MTU_RESULT.SUCCESS : MTU_RESULT.FRAGMENTATION_NEEDED;
  },
  get_route_realm: () => () => 0n,
};
