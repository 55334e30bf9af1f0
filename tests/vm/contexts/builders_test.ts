/**
 * Contexts of all program types, as programs see them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { EpassError } from "../../../lib/errors.ts";
import { assemble } from "../../../lib/isa/assemble.ts";
import { CONTEXT_TYPES } from "../../../lib/vm/contexts/registry.ts";
import type { ProgramInput, RunResult } from "../../../lib/vm/vm.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { assembled, programOf } from "../support.ts";

/** Runs a program in the mnemonic syntax as one of a type. */
function run(type: string, text: string, input: ProgramInput): RunResult {
  const vm = Vm.loadSync(assembled(text), { type, missing: "call" });
  const result = vm.program().run(input);
  assert.equal(result.fault, null);
  return result;
}

/** Loads a number of the context. */
function load(type: string, access: string, input: ProgramInput): bigint {
  return run(type, `${access.replace("CTX", "%r0, [%r1").replace("END", "]")}\nexit`, input)
    .returnValue;
}

const word = (type: string, offset: number, input: ProgramInput): bigint =>
  load(type, `ldxw CTX+${offset}END`, input);
const long = (type: string, offset: number, input: ProgramInput): bigint =>
  load(type, `ldxdw CTX+${offset}END`, input);

/** An Ethernet frame with an IPv4 header. */
function ipv4Frame(): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set([2, 0, 0, 0, 0, 1], 0);
  frame.set([0x08, 0x00, 0x45], 12);
  frame.set([10, 0, 0, 1, 10, 0, 0, 2], 26);
  return frame;
}

Deno.test("every type takes an empty input", () => {
  for (const type of CONTEXT_TYPES) {
    assert.equal(run(type, "mov %r0, 7\nexit", {}).returnValue, 7n, type);
  }
});

Deno.test("an XDP program finds its frame through 32-bit pointers, metadata in front", () => {
  const packet = Uint8Array.of(1, 2, 3, 4, ...ipv4Frame());
  const text = `
    ldxw %r2, [%r1+0]
    ldxw %r3, [%r1+8]
    ldxw %r4, [%r1+4]
    ldxb %r0, [%r2+12]
    ldxb %r5, [%r3+3]
    lsh %r5, 8
    or %r0, %r5
    sub %r4, %r2
    lsh %r4, 16
    or %r0, %r4
    stb [%r2+0], 99
    exit`;
  const { returnValue, packet: after, meta, fields } = run("xdp", text, { packet, meta: 4 });
  assert.equal(returnValue, 60n << 16n | 4n << 8n | 8n);
  assert.equal(after![0], 99);
  assert.deepEqual(meta, Uint8Array.of(1, 2, 3, 4));
  assert.deepEqual([fields.ingress_ifindex, fields.rx_queue_index], [1n, 0n]);
});

Deno.test("an XDP frame longer than a page has fragments that only helpers reach", () => {
  const packet = new Uint8Array(9000);
  const linear = run("xdp", "ldxw %r0, [%r1+4]\nldxw %r2, [%r1+0]\nsub %r0, %r2\nexit", { packet });
  assert.equal(linear.returnValue, 3520n);
  assert.equal(linear.packet!.length, 9000);
});

Deno.test("a tc program finds a socket buffer as if the frame had come in on the loopback interface", () => {
  const input = { packet: ipv4Frame(), fields: { mark: 7, "cb[2]": 9 } };
  const { fields } = run("sched_cls", "mov %r0, 0\nexit", input);
  assert.deepEqual(
    ["len", "pkt_type", "mark", "protocol", "ifindex", "cb[2]", "wire_len"].map((f) => fields[f]),
    [60n, 3n, 7n, 8n, 1n, 9n, 60n],
  );
  assert.notEqual(fields.sk, 0n);
});

Deno.test("the data of the other programs on socket buffers begins with the network header", () => {
  const text = "ldxw %r2, [%r1+76]\nldxb %r0, [%r2+0]\nstb [%r2+1], 5\nexit";
  const { returnValue, packet, fields } = run("cgroup_skb", text, { packet: ipv4Frame() });
  assert.equal(returnValue, 0x45n);
  assert.equal(fields.len, 46n);
  assert.deepEqual([...packet!.subarray(12, 16)], [0x08, 0x00, 0x45, 5]);
});

Deno.test("the socket of a buffer has the addresses of its packet", () => {
  const text = "ldxdw %r2, [%r1+168]\nldxw %r0, [%r2+24]\nexit";
  assert.equal(run("sched_cls", text, { packet: ipv4Frame() }).returnValue, 0x0100_000an);
  const without = "ldxdw %r0, [%r1+168]\nexit";
  assert.equal(run("sched_cls", without, { packet: ipv4Frame(), socket: null }).returnValue, 0n);
});

Deno.test("only as much of a packet is accessible as the caller says", () => {
  const text = "ldxw %r0, [%r1+80]\nldxw %r2, [%r1+76]\nsub %r0, %r2\nexit";
  assert.equal(run("sched_cls", text, { packet: ipv4Frame(), linear: 14 }).returnValue, 14n);
});

Deno.test("contexts of the kernel's test run are taken, and refused where it refuses them", () => {
  const ctx = new Uint8Array(192);
  ctx[8] = 5;
  assert.equal(word("sched_cls", 8, { packet: ipv4Frame(), ctx }), 5n);
  ctx[0] = 1;
  assert.throws(() => word("sched_cls", 8, { packet: ipv4Frame(), ctx }), EpassError);
  const short = { packet: ipv4Frame(), ctx: new Uint8Array(8) };
  assert.throws(() => word("xdp", 0, short), EpassError);
  assert.throws(() => word("xdp", 0, { packet: ipv4Frame(), meta: 3 }), EpassError);
  assert.throws(() => word("xdp", 0, { packet: ipv4Frame(), fields: { color: 1 } }), EpassError);
});

Deno.test("probes see arguments and results in the registers of the machine", () => {
  const args = [11, 22n];
  assert.equal(long("kprobe", 112, { args }), 11n);
  assert.equal(long("kprobe", 104, { args }), 22n);
  assert.equal(long("kprobe", 80, { returned: -1 }), 0xffff_ffff_ffff_ffffn);
  assert.equal(long("kprobe", 128, { registers: { rip: 77, r15: 1 } }), 77n);
  assert.equal(long("kprobe", 8, { args, machine: "arm64" }), 22n);
  assert.equal(long("kprobe", 16, { registers: { x2: 5 }, machine: "arm64" }), 5n);
  assert.equal(long("perf_event", 168, { fields: { sample_period: 4 } }), 4n);
  assert.throws(() => long("kprobe", 0, { args: [1, 2, 3, 4, 5, 6, 7] }), EpassError);
  assert.throws(() => long("kprobe", 0, { registers: { xmm0: 1 } }), EpassError);
});

Deno.test("arguments are 64-bit numbers, then comes what the function returned", () => {
  for (const type of ["raw_tracepoint", "tracing", "lsm", "struct_ops"]) {
    assert.equal(long(type, 8, { args: [1, -2] }), 0xffff_ffff_ffff_fffen, type);
    assert.equal(long(type, 16, { args: [1, 2], returned: 33 }), 33n, type);
    assert.equal(long(type, 88, { args: [] }), 0n, type);
  }
});

const FORMAT = `
name: sched_switch
format:
	field:unsigned short common_type;	offset:0;	size:2;	signed:0;

	field:char prev_comm[16];	offset:8;	size:16;	signed:0;
	field:pid_t prev_pid;	offset:24;	size:4;	signed:1;
`;

Deno.test("tracepoints are bytes, fields by their format, or arguments of a system call", () => {
  assert.equal(word("tracepoint", 4, { ctx: Uint8Array.of(0, 0, 0, 0, 6) }), 6n);
  const comm = new TextEncoder().encode("init");
  const input = { format: FORMAT, fields: { prev_pid: 42, prev_comm: comm } };
  assert.equal(word("tracepoint", 24, input), 42n);
  assert.equal(word("tracepoint", 8, input), 0x7469_6e69n);
  assert.equal(long("tracepoint", 24, { args: [1, 2] }), 2n);
  assert.throws(() => word("tracepoint", 0, { format: "none" }), EpassError);
  assert.throws(() => word("tracepoint", 0, { fields: { prev_pid: 1 } }), EpassError);
});

Deno.test("contexts that are bytes come back with what the program wrote", () => {
  const ctx = Uint8Array.of(1, 2, 3, 4);
  const { context } = run("syscall", "stb [%r1+2], 9\nmov %r0, 0\nexit", { ctx });
  assert.deepEqual(context, Uint8Array.of(1, 2, 9, 4));
  assert.equal(run("", "mov %r0, %r2\nexit", { ctx }).returnValue, 4n);
});

Deno.test("programs on sockets find fields, payload and socket", () => {
  const packet = Uint8Array.of(1, 2, 3);
  const text = "ldxdw %r2, [%r1+0]\nldxdw %r0, [%r1+8]\nsub %r0, %r2\nexit";
  assert.equal(run("sk_msg", text, { packet }).returnValue, 3n);
  assert.equal(word("sk_msg", 68, { packet }), 3n);
  assert.equal(word("cgroup_sock_addr", 24, { fields: { user_port: 80 } }), 80n);
  assert.equal(word("sock_ops", 0, { fields: { op: 4 } }), 4n);
  assert.equal(word("cgroup_sock", 4, { fields: { family: 2 } }), 2n);
  assert.equal(word("cgroup_device", 4, { fields: { major: 8 } }), 8n);
  assert.equal(long("sk_lookup", 0, {}), 0n);
  const family = "ldxdw %r2, [%r1+64]\nldxw %r0, [%r2+4]\nexit";
  assert.equal(run("cgroup_sock_addr", family, { fields: { family: 10 } }).returnValue, 10n);
});

Deno.test("a flow dissector fills in keys", () => {
  const text = `
    ldxdw %r2, [%r1+144]
    ldxh %r0, [%r2+0]
    sth [%r2+6], 257
    exit`;
  const { returnValue, fields } = run("flow_dissector", text, { packet: ipv4Frame() });
  assert.equal(returnValue, 14n);
  assert.deepEqual([fields.n_proto, fields.is_frag, fields.is_first_frag], [8n, 1n, 1n]);
});

Deno.test("runs in a row see contexts of their own", () => {
  const vm = Vm.loadSync(assembled("ldxw %r0, [%r1+8]\nmov %r2, 3\nstxw [%r1+8], %r2\nexit"), {
    type: "sched_cls",
  });
  const program = vm.program();
  for (const mark of [1, 0, 7]) {
    const { returnValue, fields } = program.run({ packet: ipv4Frame(), fields: { mark } });
    assert.deepEqual([returnValue, fields.mark], [BigInt(mark), 3n]);
  }
});

Deno.test("to a big-endian program the protocol is a plain number", () => {
  const program = programOf(
    assemble("ldxw %r0, [%r1+16]\nexit", { syntax: "mnemonic" }).insns,
    "big",
  );
  const vm = Vm.loadSync(program, { type: "sched_cls" });
  assert.equal(vm.program().run({ packet: ipv4Frame() }).returnValue, 0x0800n);
});

Deno.test("what is no integer is refused", () => {
  for (
    const [type, input] of [
      ["xdp", { fields: { rx_queue_index: 1.5 } }],
      ["sched_cls", { fields: { tstamp: NaN } }],
      ["sched_cls", { fields: { cb: [1, 2 ** 60] } }],
      ["kprobe", { args: [0.1] }],
      ["tracing", { args: [Infinity] }],
      ["tracepoint", { returned: -0.5 }],
      ["xdp", { linear: NaN }],
      ["xdp", { meta: -4 }],
      ["sched_cls", { meta: 0.5 }],
      ["sk_msg", { linear: -1 }],
    ] as const
  ) assert.throws(() => run(type, "mov %r0, 0\nexit", input), EpassError, type);
});
