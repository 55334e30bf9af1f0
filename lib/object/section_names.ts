/**
 * What the name of a section says about the programs in it: their type, what they attach to and how, and flags of their
 * load, as libbpf defines it (`section_defs`), with older names of bpf_load, iproute2 and Cilium.
 *
 * @module
 */

/** Flags of a load that a section name can ask for (BPF_F_* of linux/bpf.h). */
export const PROGRAM_FLAG = { SLEEPABLE: 0x10, XDP_HAS_FRAGS: 0x20 } as const;

/** What a section name says about the programs in it. */
export interface SectionType {
  /** Program type as in enum bpf_prog_type, lower case; empty if the name tells nothing. */
  readonly type: string;
  /** What the program attaches to, or its tail of the name; empty for none. */
  readonly attach: string;
  /** Attach type as in enum bpf_attach_type, lower case; empty for 0 or if the name tells nothing. */
  readonly attachType: string;
  /** Flags of the load, {@link PROGRAM_FLAG}. */
  readonly flags: number;
}

/** A row: a prefix of names, the program type, the attach type, and a sign for flags. */
type SectionRow = readonly [prefix: string, type: string, attachType?: string, flag?: "s" | "f"];

const FLAGS = { s: PROGRAM_FLAG.SLEEPABLE, f: PROGRAM_FLAG.XDP_HAS_FRAGS } as const;

/** A name matches a row if it is the prefix, or goes on with `/`, `.` or `_`; the longest match counts. */
// deno-fmt-ignore
export const SECTION_ROWS: readonly SectionRow[] = [
  ["socket", "socket_filter"], ["filter", "socket_filter"],
  ["sk_reuseport", "sk_reuseport", "sk_reuseport_select"],
  ["sk_reuseport/migrate", "sk_reuseport", "sk_reuseport_select_or_migrate"],
  ["kprobe", "kprobe"], ["kretprobe", "kprobe"], ["ksyscall", "kprobe"], ["kretsyscall", "kprobe"],
  ["uprobe", "kprobe"], ["uretprobe", "kprobe"], ["usdt", "kprobe"],
  ["uprobe.s", "kprobe", "", "s"], ["uretprobe.s", "kprobe", "", "s"], ["usdt.s", "kprobe", "", "s"],
  ["kprobe.multi", "kprobe", "trace_kprobe_multi"], ["kretprobe.multi", "kprobe", "trace_kprobe_multi"],
  ["kprobe.session", "kprobe", "trace_kprobe_session"],
  ["uprobe.multi", "kprobe", "trace_uprobe_multi"], ["uretprobe.multi", "kprobe", "trace_uprobe_multi"],
  ["uprobe.multi.s", "kprobe", "trace_uprobe_multi", "s"], ["uretprobe.multi.s", "kprobe", "trace_uprobe_multi", "s"],
  ["uprobe.session", "kprobe", "trace_uprobe_session"], ["uprobe.session.s", "kprobe", "trace_uprobe_session", "s"],
  ["tc", "sched_cls"], ["classifier", "sched_cls"], ["from-netdev", "sched_cls"], ["to-netdev", "sched_cls"],
  ["from-container", "sched_cls"], ["from-host", "sched_cls"], ["to-host", "sched_cls"],
  ["from-overlay", "sched_cls"], ["from-network", "sched_cls"],
  ["tc/ingress", "sched_cls", "tcx_ingress"], ["tc/egress", "sched_cls", "tcx_egress"],
  ["tcx", "sched_cls"], ["tcx/ingress", "sched_cls", "tcx_ingress"], ["tcx/egress", "sched_cls", "tcx_egress"],
  ["netkit", "sched_cls"], ["netkit/primary", "sched_cls", "netkit_primary"],
  ["netkit/peer", "sched_cls", "netkit_peer"],
  ["action", "sched_act"],
  ["tracepoint", "tracepoint"], ["tp", "tracepoint"],
  ["raw_tracepoint", "raw_tracepoint"], ["raw_tp", "raw_tracepoint"],
  ["raw_tracepoint.w", "raw_tracepoint_writable"], ["raw_tp.w", "raw_tracepoint_writable"],
  ["tp_btf", "tracing", "trace_raw_tp"],
  ["fentry", "tracing", "trace_fentry"], ["fentry.s", "tracing", "trace_fentry", "s"],
  ["fexit", "tracing", "trace_fexit"], ["fexit.s", "tracing", "trace_fexit", "s"],
  ["fmod_ret", "tracing", "modify_return"], ["fmod_ret.s", "tracing", "modify_return", "s"],
  ["fsession", "tracing"],
  ["iter", "tracing", "trace_iter"], ["iter.s", "tracing", "trace_iter", "s"],
  ["freplace", "ext"],
  ["lsm", "lsm", "lsm_mac"], ["lsm.s", "lsm", "lsm_mac", "s"], ["lsm_cgroup", "lsm", "lsm_cgroup"],
  ["syscall", "syscall", "", "s"],
  ["xdp", "xdp", "xdp"], ["xdp.frags", "xdp", "xdp", "f"],
  ["xdp/devmap", "xdp", "xdp_devmap"], ["xdp.frags/devmap", "xdp", "xdp_devmap", "f"],
  ["xdp/cpumap", "xdp", "xdp_cpumap"], ["xdp.frags/cpumap", "xdp", "xdp_cpumap", "f"],
  ["xdp_devmap", "xdp", "xdp_devmap"], ["xdp_cpumap", "xdp", "xdp_cpumap"],
  ["perf_event", "perf_event"],
  ["lwt_in", "lwt_in"], ["lwt_out", "lwt_out"], ["lwt_xmit", "lwt_xmit"], ["lwt_seg6local", "lwt_seg6local"],
  ["cgroup_skb", "cgroup_skb"], ["cgroup/skb", "cgroup_skb"],
  ["cgroup_skb/ingress", "cgroup_skb", "cgroup_inet_ingress"],
  ["cgroup_skb/egress", "cgroup_skb", "cgroup_inet_egress"],
  ["cgroup/sock", "cgroup_sock", "cgroup_inet_sock_create"],
  ["cgroup/sock_create", "cgroup_sock", "cgroup_inet_sock_create"],
  ["cgroup/sock_release", "cgroup_sock", "cgroup_inet_sock_release"],
  ["cgroup/post_bind4", "cgroup_sock", "cgroup_inet4_post_bind"],
  ["cgroup/post_bind6", "cgroup_sock", "cgroup_inet6_post_bind"],
  ["cgroup/bind4", "cgroup_sock_addr", "cgroup_inet4_bind"],
  ["cgroup/bind6", "cgroup_sock_addr", "cgroup_inet6_bind"],
  ["cgroup/connect4", "cgroup_sock_addr", "cgroup_inet4_connect"],
  ["cgroup/connect6", "cgroup_sock_addr", "cgroup_inet6_connect"],
  ["cgroup/connect_unix", "cgroup_sock_addr", "cgroup_unix_connect"],
  ["cgroup/sendmsg4", "cgroup_sock_addr", "cgroup_udp4_sendmsg"],
  ["cgroup/sendmsg6", "cgroup_sock_addr", "cgroup_udp6_sendmsg"],
  ["cgroup/sendmsg_unix", "cgroup_sock_addr", "cgroup_unix_sendmsg"],
  ["cgroup/recvmsg4", "cgroup_sock_addr", "cgroup_udp4_recvmsg"],
  ["cgroup/recvmsg6", "cgroup_sock_addr", "cgroup_udp6_recvmsg"],
  ["cgroup/recvmsg_unix", "cgroup_sock_addr", "cgroup_unix_recvmsg"],
  ["cgroup/getpeername4", "cgroup_sock_addr", "cgroup_inet4_getpeername"],
  ["cgroup/getpeername6", "cgroup_sock_addr", "cgroup_inet6_getpeername"],
  ["cgroup/getpeername_unix", "cgroup_sock_addr", "cgroup_unix_getpeername"],
  ["cgroup/getsockname4", "cgroup_sock_addr", "cgroup_inet4_getsockname"],
  ["cgroup/getsockname6", "cgroup_sock_addr", "cgroup_inet6_getsockname"],
  ["cgroup/getsockname_unix", "cgroup_sock_addr", "cgroup_unix_getsockname"],
  ["cgroup/getsockopt", "cgroup_sockopt", "cgroup_getsockopt"],
  ["cgroup/setsockopt", "cgroup_sockopt", "cgroup_setsockopt"],
  ["cgroup/sysctl", "cgroup_sysctl", "cgroup_sysctl"],
  ["cgroup/dev", "cgroup_device", "cgroup_device"],
  ["sockops", "sock_ops", "cgroup_sock_ops"],
  ["sk_skb", "sk_skb"], ["sk_skb/verdict", "sk_skb", "sk_skb_verdict"],
  ["sk_skb/stream_parser", "sk_skb", "sk_skb_stream_parser"],
  ["sk_skb/stream_verdict", "sk_skb", "sk_skb_stream_verdict"],
  ["sk_msg", "sk_msg", "sk_msg_verdict"],
  ["lirc_mode2", "lirc_mode2", "lirc_mode2"],
  ["flow_dissector", "flow_dissector", "flow_dissector"],
  ["struct_ops", "struct_ops"], ["struct_ops.s", "struct_ops", "", "s"],
  ["sk_lookup", "sk_lookup", "sk_lookup"],
  ["netfilter", "netfilter", "netfilter"],
];

const NOTHING: SectionType = { type: "", attach: "", attachType: "", flags: 0 };

/**
 * What the name of a section says about its programs.
 *
 * @param name Name of the section; a leading `?` (not loaded by default) counts for nothing.
 * @returns The types, and what is behind the prefix.
 */
export function sectionType(name: string): SectionType {
  const bare = name.startsWith("?") ? name.slice(1) : name;
  let best: SectionRow | null = null;
  for (const row of SECTION_ROWS) {
    const [prefix] = row;
    if (!bare.startsWith(prefix)) continue;
    const next = bare[prefix.length];
    if (next !== undefined && next !== "/" && next !== "." && next !== "_") continue;
    if (best === null || prefix.length > best[0].length) best = row;
  }
  if (best === null) return NOTHING;
  const [prefix, type, attachType = "", flag] = best;
  return {
    type,
    attach: bare.slice(prefix.length).replace(/^[/._]/, ""),
    attachType,
    flags: flag === undefined ? 0 : FLAGS[flag],
  };
}
