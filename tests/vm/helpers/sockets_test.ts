/**
 * Helpers on sockets, messages, TCP options, routes and SYN cookies: what no test run of the kernel reaches.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Vm } from "../../../lib/vm/vm.ts";
import { assembled } from "../support.ts";
import { run, signed } from "./named_calls.ts";

const LOOKUP = `
  mov %r6, %r1
  stdw [%r10-16], 0
  stdw [%r10-8], 0
  mov %r2, %r10
  add %r2, -16
  mov %r3, 12
  mov %r4, -1
  mov %r5, 0
  call sk_lookup_tcp`;

Deno.test("sockets come from the caller, with all their fields", () => {
  const socket = () => ({ state: 10, src_port: 80, snd_cwnd: 33, cookie: 77 });
  const text = `${LOOKUP}
    jeq %r0, 0, none
    mov %r7, %r0
    ldxw %r8, [%r7+44]
    mov %r1, %r7
    call tcp_sock
    ldxw %r9, [%r0+0]
    mov %r1, %r7
    call get_listener_sock
    jne %r0, %r7, none
    mov %r1, %r7
    call sk_release
    mov %r1, %r7
    call get_socket_cookie
    lsh %r0, 16
    lsh %r8, 8
    or %r0, %r8
    or %r0, %r9
    exit
  none:
    mov %r0, -1
    exit`;
  assert.equal(signed(run("xdp", text, {}, { providers: { socket } })), 0x4d_5021n);
  assert.equal(signed(run("xdp", text)), -1n);
});

Deno.test("a bad tuple, namespace or flag finds no socket", () => {
  let asked = 0;
  const providers = { socket: () => (asked++, {}) };
  for (const change of ["mov %r3, 16", "mov %r4, -2", "mov %r5, 1"]) {
    const text = LOOKUP.replace("call", `${change}\n  call`) + "\nexit";
    assert.equal(run("sched_cls", text, {}, { providers }).returnValue, 0n);
  }
  assert.equal(asked, 0);
});

Deno.test("what is no socket cannot be released", () => {
  const vm = Vm.loadSync(assembled("mov %r1, 64\ncall 0x56\nexit"), { type: "xdp" });
  assert.equal(vm.program().run({}).fault?.kind, "helper");
});

const MESSAGE = new Uint8Array([1, 2, 3, 4, 5, 6]);

Deno.test("messages grow, shrink and show a window", () => {
  const push = "mov %r2, 2\nmov %r3, 3\nmov %r4, 0\ncall msg_push_data\nexit";
  assert.deepEqual([...run("sk_msg", push, { packet: MESSAGE }).packet!], [
    1,
    2,
    0,
    0,
    0,
    3,
    4,
    5,
    6,
  ]);
  const pop = push.replace("push", "pop");
  assert.deepEqual([...run("sk_msg", pop, { packet: MESSAGE }).packet!], [1, 2, 6]);
  const pull = `mov %r6, %r1
    mov %r2, 2
    mov %r3, 5
    mov %r4, 0
    call msg_pull_data
    ldxdw %r1, [%r6+0]
    ldxdw %r2, [%r6+8]
    sub %r2, %r1
    ldxb %r0, [%r1+0]
    lsh %r0, 8
    or %r0, %r2
    exit`;
  assert.equal(run("sk_msg", pull, { packet: MESSAGE }).returnValue, 0x303n);
  const beyond = "mov %r2, 5\nmov %r3, 9\nmov %r4, 0\ncall msg_pop_data\nexit";
  assert.equal(signed(run("sk_msg", beyond, { packet: MESSAGE })), -22n);
});

/** A TCP header with a segment size of 1,460 and a window scale of 7. */
const TCP = new Uint8Array(28);
TCP.set([2, 4, 0x05, 0xb4, 3, 3, 7, 0], 20);

/** Looks for the option of a kind. */
const loadOption = (kind: number): string => `
  stdw [%r10-8], 0
  stb [%r10-8], ${kind}
  mov %r2, %r10
  add %r2, -8
  mov %r3, 8
  mov %r4, 0
  call load_hdr_opt
  exit`;

Deno.test("TCP options are found in the header", () => {
  const input = { packet: TCP, fields: { op: 13 } };
  assert.equal(signed(run("sock_ops", loadOption(2), input)), 4n);
  assert.equal(signed(run("sock_ops", loadOption(3), input)), 3n);
  assert.equal(signed(run("sock_ops", loadOption(4), input)), -42n);
  assert.equal(signed(run("sock_ops", loadOption(1), input)), -22n);
  const early = { packet: TCP, fields: { op: 14 } };
  assert.equal(signed(run("sock_ops", loadOption(2), early)), -1n);
});

Deno.test("callbacks of a connection are chosen, socket options come back", () => {
  const flags = "mov %r2, 0x103\ncall sock_ops_cb_flags_set\nexit";
  const { returnValue, fields } = run("sock_ops", flags);
  assert.deepEqual([returnValue, fields.bpf_sock_ops_cb_flags], [0x100n, 3n]);
  const call = (name: string) => `
    mov %r1, %r6
    mov %r2, 1
    mov %r3, 7
    mov %r4, %r10
    add %r4, -8
    mov %r5, 4
    call ${name}`;
  const text = `mov %r6, %r1
    stdw [%r10-8], 55
    ${call("setsockopt")}
    stdw [%r10-8], 0
    ${call("getsockopt")}
    ldxw %r0, [%r10-8]
    exit`;
  assert.equal(run("sock_ops", text).returnValue, 55n);
});

const FIB = `
  mov %r6, %r1
  stdw [%r10-64], 2
  stdw [%r10-56], 1
  stdw [%r10-48], 0
  stdw [%r10-40], 0
  stdw [%r10-32], 0
  stdw [%r10-24], 0
  stdw [%r10-16], 0
  stdw [%r10-8], 0
  mov %r2, %r10
  add %r2, -64
  mov %r3, 64
  mov %r4, 0
  call fib_lookup
  ldxw %r1, [%r10-56]
  lsh %r0, 32
  or %r0, %r1
  exit`;

Deno.test("routes come from the caller", () => {
  const route = () => ({ result: 0, ifindex: 9, destinationMac: new Uint8Array(6).fill(7) });
  assert.equal(run("xdp", FIB, {}, { providers: { route } }).returnValue, 9n);
  assert.equal(run("xdp", FIB).returnValue, 4n << 32n | 1n);
  const missing = { device: () => null };
  assert.equal(signed(run("xdp", FIB, {}, { providers: missing })) >> 32n, -19n);
});

Deno.test("a SYN cookie is valid in the ACK of its flow only", () => {
  // A segment size of 1,400 is told as 1,300, the next lower that a cookie can tell.
  const text = (change: string) => `
    mov %r6, %r10
    add %r6, -32
    stdw [%r10-64], 0
    stdw [%r10-56], 0
    stdw [%r10-48], 0
    stdw [%r10-32], 0
    stdw [%r10-24], 0
    stb [%r10-20], 0x60
    stw [%r10-16], 0
    stb [%r10-12], 2
    stb [%r10-11], 4
    stb [%r10-10], 5
    stb [%r10-9], 0x78
    mov %r1, %r10
    add %r1, -64
    mov %r2, %r6
    mov %r3, 24
    call tcp_raw_gen_syncookie_ipv4
    mov %r7, %r0
    rsh %r7, 32
    jne %r7, 1300, wrong
    add %r0, 1
    be32 %r0
    stxw [%r10-24], %r0
    stw [%r10-28], 0x1000000
    ${change}
    mov %r1, %r10
    add %r1, -64
    mov %r2, %r6
    call tcp_raw_check_syncookie_ipv4
    exit
  wrong:
    mov %r0, %r7
    exit`;
  assert.equal(signed(run("xdp", text(""))), 0n);
  assert.equal(signed(run("xdp", text("stb [%r10-32], 1"))), -13n);
  assert.equal(signed(run("xdp", text("stb [%r10-52], 1"))), -13n);
});

Deno.test("an outer header is pushed in front of a packet, with its checksum", () => {
  const text = `
    mov %r6, %r1
    stw [%r10-20], 0x00000045
    stw [%r10-16], 0
    stw [%r10-12], 0x00000440
    stw [%r10-8], 0x0100000a
    stw [%r10-4], 0x0200000a
    mov %r2, 2
    mov %r3, %r10
    add %r3, -20
    mov %r4, 20
    call lwt_push_encap
    jne %r0, 0, out
    ldxw %r0, [%r6+0]
  out:
    exit`;
  const { returnValue, packet } = run("lwt_xmit", text, { packet: new Uint8Array(34) });
  assert.equal(returnValue, 40n);
  const header = packet!.slice(14, 34);
  const words = Array.from({ length: 10 }, (_, i) => header[2 * i] << 8 | header[2 * i + 1]);
  const sum = words.reduce((a, b) => a + b);
  assert.equal((sum & 0xffff) + (sum >> 16), 0xffff);
});

Deno.test("a look-up program chooses a socket once", () => {
  const providers = { socket: () => ({ state: 10 }) };
  const text = (flags: number) =>
    `${LOOKUP}
    mov %r7, %r0
    mov %r1, %r6
    mov %r2, %r7
    mov %r3, 0
    call sk_assign
    mov %r1, %r6
    mov %r2, %r7
    mov %r3, ${flags}
    call sk_assign
    mov %r8, %r0
    ldxdw %r0, [%r6+0]
    jne %r0, %r7, wrong
    mov %r0, %r8
    exit
  wrong:
    mov %r0, 1
    exit`;
  assert.equal(signed(run("sk_lookup", text(0), {}, { providers })), -17n);
  assert.equal(signed(run("sk_lookup", text(1), {}, { providers })), 0n);
  assert.equal(signed(run("sk_lookup", text(4), {}, { providers })), -22n);
});

Deno.test("the socket of a context tells cookie, user, class and cgroups", () => {
  const socket = { cookie: 5, uid: 7, classid: 9 };
  const tell = (name: string, more = "") =>
    run("sched_cls", `${more}\ncall ${name}\nexit`, { socket }, {
      task: { cgroups: [1n, 20n, 300n] },
    }).returnValue;
  assert.equal(tell("get_socket_cookie"), 5n);
  assert.equal(tell("get_socket_uid"), 7n);
  assert.equal(tell("get_cgroup_classid"), 9n);
  assert.equal(tell("get_netns_cookie"), 1n);
  assert.equal(tell("skb_cgroup_id"), 300n);
  assert.equal(tell("skb_ancestor_cgroup_id", "mov %r2, 1"), 20n);
  assert.equal(tell("skb_ancestor_cgroup_id", "mov %r2, 9"), 0n);
  const none = run("sched_cls", "call get_socket_uid\nexit", { socket: null });
  assert.equal(none.returnValue, 65_534n);
});

/** Calls a helper with an option of a TCP header: kind 254 with a magic number. */
const optionCall = (name: string, length: number, more = ""): string => `
  stdw [%r10-8], 0
  stb [%r10-8], 254
  stb [%r10-7], ${length}
  stb [%r10-6], 0x12
  stb [%r10-5], 0x34
  mov %r2, %r10
  add %r2, -8
  mov %r3, 4
  mov %r4, 0
  ${more}
  call ${name}
  exit`;

Deno.test("options of a header are reserved and written at their time", () => {
  const at = (op: number) => ({ fields: { op } });
  const written = run("sock_ops", optionCall("store_hdr_opt", 4), at(15));
  assert.equal(written.returnValue, 0n);
  assert.deepEqual(written.actions[0].args, [254n, 4n, 0x12n, 0x34n]);
  assert.equal(signed(run("sock_ops", optionCall("store_hdr_opt", 4), at(14))), -1n);
  assert.equal(signed(run("sock_ops", optionCall("store_hdr_opt", 9), at(15))), -22n);
  const reserve = "mov %r2, 8\nmov %r3, 0\ncall reserve_hdr_opt\nexit";
  assert.equal(signed(run("sock_ops", reserve, at(14))), 0n);
  assert.equal(signed(run("sock_ops", reserve, at(13))), -1n);
  assert.equal(signed(run("sock_ops", reserve.replace("8", "80"), at(14))), -28n);
});

Deno.test("an experiment is found by its magic number", () => {
  const packet = new Uint8Array(32);
  packet.set([1, 254, 4, 0x56, 0x78, 254, 4, 0x12, 0x34], 20);
  const input = { packet, fields: { op: 13 } };
  assert.equal(signed(run("sock_ops", optionCall("load_hdr_opt", 4), input)), 4n);
  assert.equal(signed(run("sock_ops", optionCall("load_hdr_opt", 3), input)), -22n);
  packet[27] = 0;
  assert.equal(signed(run("sock_ops", optionCall("load_hdr_opt", 4), input)), -42n);
  packet[22] = 99;
  assert.equal(signed(run("sock_ops", optionCall("load_hdr_opt", 4), input)), -14n);
});

Deno.test("a listening socket makes and checks cookies of a SYN", () => {
  const providers = { socket: () => ({ state: 10 }) };
  const call = (name: string) => `
    mov %r1, %r7
    mov %r2, %r10
    add %r2, -64
    mov %r3, 20
    mov %r4, %r10
    add %r4, -32
    mov %r5, 20
    call ${name}`;
  const text = `${LOOKUP}
    mov %r7, %r0
    stdw [%r10-64], 0
    stb [%r10-64], 0x45
    stdw [%r10-56], 0
    stdw [%r10-48], 0
    stdw [%r10-32], 0
    stdw [%r10-24], 0
    stw [%r10-16], 0
    stb [%r10-20], 0x50
    stb [%r10-19], 2
    ${call("tcp_gen_syncookie")}
    add %r0, 1
    be32 %r0
    stxw [%r10-24], %r0
    stw [%r10-28], 0x1000000
    stb [%r10-19], 0x10
    ${call("tcp_check_syncookie")}
    exit`;
  assert.equal(signed(run("xdp", text, {}, { providers })), 0n);
  const syn = text.replace("stb [%r10-19], 0x10", "");
  assert.equal(signed(run("xdp", syn, {}, { providers })), -2n);
  const closed = { socket: () => ({ state: 7 }) };
  assert.equal(signed(run("xdp", text, {}, { providers: closed })), -22n);
});

Deno.test("a program on a kernel parameter sees its name and values, and replaces the new one", () => {
  const sysctl = { name: "net/ipv4/ip_forward", current: "0", wanted: "1" };
  const read = (name: string, size: number, flags = 0) => `
    stdw [%r10-32], 0
    stdw [%r10-24], 0
    stdw [%r10-16], 0
    stdw [%r10-8], 0
    mov %r2, %r10
    add %r2, -32
    mov %r3, ${size}
    mov %r4, ${flags}
    call ${name}
    mov %r6, %r0
    ldxb %r0, [%r10-32]
    lsh %r6, 8
    or %r0, %r6
    exit`;
  const result = (text: string, input = { sysctl }) => signed(run("cgroup_sysctl", text, input));
  assert.equal(result(read("sysctl_get_name", 32)), 19n << 8n | 110n);
  assert.equal(result(read("sysctl_get_name", 32, 1)), 10n << 8n | 105n);
  assert.equal(result(read("sysctl_get_name", 4)) >> 8n, -7n);
  assert.equal(result(read("sysctl_get_current_value", 4)), 1n << 8n | 48n);
  assert.equal(result(read("sysctl_get_new_value", 4)), 1n << 8n | 49n);
  const reading = { sysctl: { name: "x", current: "0" } as typeof sysctl };
  assert.equal(result(read("sysctl_get_new_value", 4), reading) >> 8n, -22n);
  const set = read("sysctl_set_new_value", 1).replace("stdw [%r10-32], 0", "stdw [%r10-32], 55");
  const { returnValue, actions, fields } = run("cgroup_sysctl", set, { sysctl });
  assert.equal(returnValue, 55n);
  assert.deepEqual(actions.map(({ args }) => args), [[55n]]);
  assert.equal(fields.write, 1n);
});
