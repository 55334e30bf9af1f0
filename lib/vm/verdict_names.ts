/**
 * What return values mean, by program type (linux/bpf.h, linux/pkt_cls.h).
 *
 * @module
 */

/** What becomes of a packet. */
export type Fate = "passes" | "dropped";

/** A verdict. */
export interface VerdictName {
  /** Its name in the kernel's interface, such as `XDP_PASS`. */
  readonly name: string;
  /** What becomes of the packet. */
  readonly fate: Fate;
}

/** Names by value; those in {@link DROPS} end the way of the packet. */
type Names = { readonly [value: number]: string };

const XDP: Names = {
  0: "XDP_ABORTED",
  1: "XDP_DROP",
  2: "XDP_PASS",
  3: "XDP_TX",
  4: "XDP_REDIRECT",
};
const TC: Names = {
  [-1]: "TC_ACT_UNSPEC",
  0: "TC_ACT_OK",
  1: "TC_ACT_RECLASSIFY",
  2: "TC_ACT_SHOT",
  3: "TC_ACT_PIPE",
  4: "TC_ACT_STOLEN",
  5: "TC_ACT_QUEUED",
  6: "TC_ACT_REPEAT",
  7: "TC_ACT_REDIRECT",
  8: "TC_ACT_TRAP",
};
const SK: Names = { 0: "SK_DROP", 1: "SK_PASS" };
const LWT: Names = { 0: "BPF_OK", 2: "BPF_DROP", 7: "BPF_REDIRECT", 128: "BPF_LWT_REROUTE" };

const NAMES: { readonly [type: string]: Names } = {
  xdp: XDP,
  sched_cls: TC,
  sched_act: TC,
  cgroup_skb: { 0: "drop", 1: "allow" },
  sk_skb: SK,
  sk_msg: SK,
  sk_lookup: SK,
  sk_reuseport: SK,
  lwt_in: LWT,
  lwt_out: LWT,
  lwt_xmit: LWT,
  lwt_seg6local: LWT,
  flow_dissector: { 0: "BPF_OK", 2: "BPF_DROP", 129: "BPF_FLOW_DISSECTOR_CONTINUE" },
  netfilter: { 0: "NF_DROP", 1: "NF_ACCEPT" },
};

const DROPS: ReadonlySet<string> = new Set([
  "XDP_ABORTED",
  "XDP_DROP",
  "TC_ACT_SHOT",
  "TC_ACT_STOLEN",
  "TC_ACT_QUEUED",
  "TC_ACT_TRAP",
  "SK_DROP",
  "BPF_DROP",
  "NF_DROP",
  "drop",
]);

/**
 * Names a return value.
 *
 * @param type Program type, such as `xdp`.
 * @param returnValue What the program returned; its low 32 bits count.
 * @returns The verdict; null if values of this type have no names, or this one has none.
 */
export function verdictName(type: string, returnValue: bigint): VerdictName | null {
  const value = Number(BigInt.asIntN(32, returnValue));
  if (type === "socket_filter") {
    return value === 0
      ? { name: "drop", fate: "dropped" }
      : { name: `keep ${value >>> 0} bytes`, fate: "passes" };
  }
  const name = Object.hasOwn(NAMES, type) ? NAMES[type][value] : undefined;
  if (name !== undefined) return { name, fate: DROPS.has(name) ? "dropped" : "passes" };
  // A value that XDP does not know is an error, and the packet is lost.
  return type === "xdp" ? { name: `unknown verdict ${value}`, fate: "dropped" } : null;
}
