import assert from "node:assert/strict";
import { ATTACH_TYPES, PROGRAM_TYPES } from "../../lib/kernel/program_types.ts";
import { SECTION_ROWS, sectionType } from "../../lib/object/section_names.ts";

Deno.test("section names tell program types, what they attach to and how", () => {
  const cases: [string, string, string, string, number][] = [
    ["xdp", "xdp", "", "xdp", 0],
    ["xdp/devmap", "xdp", "", "xdp_devmap", 0],
    ["xdp.frags/cpumap", "xdp", "", "xdp_cpumap", 0x20],
    ["xdp_router_ipv4", "xdp", "router_ipv4", "xdp", 0],
    ["?kprobe.multi/tcp_*", "kprobe", "tcp_*", "trace_kprobe_multi", 0],
    ["tracepoint/skb/kfree_skb", "tracepoint", "skb/kfree_skb", "", 0],
    ["tp_btf/sys_enter", "tracing", "sys_enter", "trace_raw_tp", 0],
    ["fentry.s/bpf_fentry_test1", "tracing", "bpf_fentry_test1", "trace_fentry", 0x10],
    ["cgroup/connect4", "cgroup_sock_addr", "", "cgroup_inet4_connect", 0],
    ["cgroup_skb/egress", "cgroup_skb", "", "cgroup_inet_egress", 0],
    ["sk_skb/stream_parser", "sk_skb", "", "sk_skb_stream_parser", 0],
    ["syscall", "syscall", "", "", 0x10],
    ["2/1", "", "", "", 0],
    [".text", "", "", "", 0],
  ];
  for (const [name, type, attach, attachType, flags] of cases) {
    assert.deepEqual(sectionType(name), { type, attach, attachType, flags }, name);
  }
});

Deno.test("section names stand for types that the kernel has", () => {
  for (const [prefix, type, attachType = ""] of SECTION_ROWS) {
    assert.ok(PROGRAM_TYPES.includes(type), `${prefix}: ${type}`);
    assert.ok(attachType === "" || ATTACH_TYPES.includes(attachType), `${prefix}: ${attachType}`);
  }
});
