/**
 * Map types and program types of the kernel's interface (linux/bpf.h), and the section names that libbpf gives meaning.
 *
 * @module
 */

/** Map types, by number (enum bpf_map_type). */
export const MAP_TYPES: readonly string[] = [
  "unspec",
  "hash",
  "array",
  "prog_array",
  "perf_event_array",
  "percpu_hash",
  "percpu_array",
  "stack_trace",
  "cgroup_array",
  "lru_hash",
  "lru_percpu_hash",
  "lpm_trie",
  "array_of_maps",
  "hash_of_maps",
  "devmap",
  "sockmap",
  "cpumap",
  "xskmap",
  "sockhash",
  "cgroup_storage",
  "reuseport_sockarray",
  "percpu_cgroup_storage",
  "queue",
  "stack",
  "sk_storage",
  "devmap_hash",
  "struct_ops",
  "ringbuf",
  "inode_storage",
  "task_storage",
  "bloom_filter",
  "user_ringbuf",
  "cgrp_storage",
  "arena",
  "insn_array",
];

/**
 * Names a map type.
 *
 * @param type A map type.
 * @returns Its name, or a made-up one with the number.
 */
export function mapTypeName(type: number): string {
  return MAP_TYPES[type] ?? `type_${type}`;
}

/** Numbers of the map types that readers of objects need. */
export const MAP_TYPE = { ARRAY: 2, STRUCT_OPS: 26, ARENA: 33 } as const;

/** Map flags (linux/bpf.h). */
export const MAP_FLAG = { RDONLY_PROG: 0x80, MMAPABLE: 0x400 } as const;

/** A program type that a section name stands for, and what the rest of the name is. */
interface SectionPrefix {
  readonly prefix: string;
  /** BPF_PROG_TYPE_*, lower case. */
  readonly type: string;
}

const prefixes = (type: string, ...names: readonly string[]): SectionPrefix[] =>
  names.map((prefix) => ({ prefix, type }));

/**
 * Section names by program type (libbpf, `section_defs`; older names of bpf_load and iproute2 behind). A name matches if
 * it is the prefix, or goes on with `/` or `.`; the longest match counts.
 */
const SECTION_PREFIXES: readonly SectionPrefix[] = [
  ...prefixes("socket_filter", "socket", "filter"),
  ...prefixes("sk_reuseport", "sk_reuseport"),
  ...prefixes("kprobe", "kprobe", "kretprobe", "uprobe", "uretprobe", "usdt"),
  ...prefixes("kprobe", "kprobe.multi", "kretprobe.multi", "uprobe.multi", "uretprobe.multi"),
  ...prefixes("kprobe", "uprobe.s", "uretprobe.s", "usdt.s", "ksyscall", "kretsyscall"),
  ...prefixes("kprobe", "kprobe.session", "uprobe.session"),
  ...prefixes("sched_cls", "tc", "classifier", "tcx", "netkit", "from-netdev", "to-netdev"),
  ...prefixes(
    "sched_cls",
    "from-container",
    "from-host",
    "to-host",
    "from-overlay",
    "from-network",
  ),
  ...prefixes("sched_act", "action"),
  ...prefixes("tracepoint", "tracepoint", "tp"),
  ...prefixes("raw_tracepoint", "raw_tracepoint", "raw_tp"),
  ...prefixes("raw_tracepoint_writable", "raw_tracepoint.w", "raw_tp.w"),
  ...prefixes("tracing", "tp_btf", "fentry", "fexit", "fmod_ret", "fsession", "iter"),
  ...prefixes("tracing", "fentry.s", "fexit.s", "fmod_ret.s", "iter.s"),
  ...prefixes("ext", "freplace"),
  ...prefixes("lsm", "lsm", "lsm.s", "lsm_cgroup"),
  ...prefixes("syscall", "syscall"),
  ...prefixes("xdp", "xdp", "xdp.frags", "xdp/devmap", "xdp/cpumap", "xdp_devmap", "xdp_cpumap"),
  ...prefixes("perf_event", "perf_event"),
  ...prefixes("lwt_in", "lwt_in"),
  ...prefixes("lwt_out", "lwt_out"),
  ...prefixes("lwt_xmit", "lwt_xmit"),
  ...prefixes("lwt_seg6local", "lwt_seg6local"),
  ...prefixes("cgroup_skb", "cgroup_skb", "cgroup/skb"),
  ...prefixes("cgroup_sock", "cgroup/sock", "cgroup/sock_create", "cgroup/sock_release"),
  ...prefixes("cgroup_sock", "cgroup/post_bind4", "cgroup/post_bind6"),
  ...prefixes("cgroup_sock_addr", "cgroup/bind4", "cgroup/bind6"),
  ...prefixes("cgroup_sock_addr", "cgroup/connect4", "cgroup/connect6", "cgroup/connect_unix"),
  ...prefixes("cgroup_sock_addr", "cgroup/sendmsg4", "cgroup/sendmsg6", "cgroup/sendmsg_unix"),
  ...prefixes("cgroup_sock_addr", "cgroup/recvmsg4", "cgroup/recvmsg6", "cgroup/recvmsg_unix"),
  ...prefixes("cgroup_sock_addr", "cgroup/getpeername4", "cgroup/getpeername6"),
  ...prefixes("cgroup_sock_addr", "cgroup/getsockname4", "cgroup/getsockname6"),
  ...prefixes("cgroup_sockopt", "cgroup/getsockopt", "cgroup/setsockopt"),
  ...prefixes("cgroup_sysctl", "cgroup/sysctl"),
  ...prefixes("cgroup_device", "cgroup/dev"),
  ...prefixes("sock_ops", "sockops"),
  ...prefixes("sk_skb", "sk_skb", "sk_skb/stream_parser", "sk_skb/stream_verdict"),
  ...prefixes("sk_msg", "sk_msg"),
  ...prefixes("lirc_mode2", "lirc_mode2"),
  ...prefixes("flow_dissector", "flow_dissector"),
  ...prefixes("struct_ops", "struct_ops", "struct_ops.s"),
  ...prefixes("sk_lookup", "sk_lookup"),
  ...prefixes("netfilter", "netfilter"),
];

/** What a section name says about the programs in it. */
export interface SectionType {
  /** Program type as in enum bpf_prog_type, lower case; empty if the name tells nothing. */
  readonly type: string;
  /** What the program attaches to, or its tail of the name; empty for none. */
  readonly attach: string;
}

/**
 * Guesses the type of the programs of a section from its name.
 *
 * @param name Name of the section; a leading `?` (not loaded by default) counts for nothing.
 * @returns The type, and what is behind the prefix.
 */
export function sectionType(name: string): SectionType {
  const bare = name.startsWith("?") ? name.slice(1) : name;
  let best: SectionPrefix | null = null;
  for (const candidate of SECTION_PREFIXES) {
    const { prefix } = candidate;
    if (!bare.startsWith(prefix)) continue;
    const next = bare[prefix.length];
    if (next !== undefined && next !== "/" && next !== "." && next !== "_") continue;
    if (best === null || prefix.length > best.prefix.length) best = candidate;
  }
  if (best === null) return { type: "", attach: "" };
  return { type: best.type, attach: bare.slice(best.prefix.length).replace(/^[/._]/, "") };
}
