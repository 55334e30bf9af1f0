/**
 * Random sequences of helper calls on random packets, in the sandbox and in the kernel (BPF_PROG_TEST_RUN): what the calls
 * return, what they write to memory, the fields of the context after each call, the packet and the context at the end.
 *
 * @module
 */

import { concatBytes } from "../../../lib/bytes.ts";
import { helperByName } from "../../../lib/isa/helpers.ts";
import type { Kernel } from "../../../lib/kernel/kernel.ts";
import { buffer } from "../../../lib/kernel/native.ts";
import { Random, randomFrame } from "../../../lib/random_input.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { type MapFile, parseMapFile } from "../../../lib/object/map_file.ts";
import { readFields, writeFields } from "../../../lib/vm/contexts/layout.ts";
import { SK_BUFF, XDP_MD } from "../../../lib/vm/contexts/structs.ts";
import { type EngineName, ENGINES } from "../../../lib/vm/engine.ts";
import { Vm } from "../../../lib/vm/vm.ts";

/** Bytes of the map's value: what the program saw, then memory for the calls. */
const VALUE_SIZE = 4096, DATA = 3072;

/** An argument: a number, the context, or an address in the memory for calls. */
type Argument = number | bigint | "context" | { readonly data: number };

/** A call of a helper. */
interface Call {
  readonly name: string;
  readonly args: readonly Argument[];
}

/** Makes a call with random arguments. */
type CallMaker = (random: Random) => Call;

const NEAR: readonly number[] = [0, 1, 2, 4, 12, 14, 16, 18, 20, 22, 24, 26, 30, 34, 36, 50, 54];

/** An offset into a packet: mostly inside, sometimes odd or far away. */
function offset(random: Random): number {
  if (random.below(4) > 0) return random.of(NEAR);
  return random.of([
    random.below(200),
    random.below(2000),
    3400 + random.below(5000),
    0xffff,
    0x7fffffff,
    0xffffffff,
  ]);
}

const flags = (random: Random, valid: readonly number[]): bigint =>
  random.below(5) > 0 ? BigInt(random.of(valid)) : BigInt(random.below(1 << 16));

const size = (random: Random): number => 1 + random.below(random.below(3) === 0 ? 200 : 20);

const memory = (random: Random): Argument => ({ data: random.below(64) * 8 });

const call = (name: string, ...args: Argument[]): Call => ({ name, args });
const onContext = (name: string, ...args: Argument[]): Call => call(name, "context", ...args);

/** A signed difference, as the pattern of its register. */
const signed = (random: Random, most: number): bigint =>
  BigInt.asUintN(64, BigInt(random.below(2 * most + 1) - most));

const checksumDifference: CallMaker = (r) => {
  const sizes = () => random4(r);
  return call("csum_diff", memory(r), sizes(), memory(r), sizes(), r.below(2 ** 32));
};
const random4 = (random: Random): number => 4 * random.below(30);

/** Helpers of XDP programs. */
const XDP_CALLS: readonly CallMaker[] = [
  (r) => onContext("xdp_adjust_head", signed(r, r.below(2) === 0 ? 32 : 300)),
  (r) => onContext("xdp_adjust_meta", r.below(3) > 0 ? -4n * BigInt(r.below(12)) : signed(r, 280)),
  (r) => onContext("xdp_adjust_tail", signed(r, r.below(2) === 0 ? 40 : 4000)),
  () => onContext("xdp_get_buff_len"),
  (r) => onContext("xdp_load_bytes", offset(r), memory(r), size(r)),
  (r) => onContext("xdp_store_bytes", offset(r), memory(r), size(r)),
  (r) => call("redirect", r.below(4), flags(r, [0])),
  checksumDifference,
  (r) => onContext("check_mtu", r.of([0, 1, 9]), { data: 512 }, signed(r, 70_000), flags(r, [0])),
];

/** A legacy packet load, as if it were a helper; outside of the packet it ends the program. */
const packetLoad: CallMaker = (r) => {
  const base = r.of([0, 0, 0, -0x10_0000, -0x20_0000]);
  const offset = r.below(8) === 0 ? r.below(3000) : r.of(NEAR);
  return call(r.of(["ldabsb", "ldabsh", "ldabsw"]), base + offset - (r.below(4) === 0 ? 20 : 0));
};

/** Helpers of all programs on socket buffers. */
const SKB_CALLS: readonly CallMaker[] = [
  (r) => onContext("skb_load_bytes", offset(r), memory(r), size(r)),
  (r) => onContext("skb_load_bytes_relative", offset(r), memory(r), size(r), r.below(3)),
];

const NETWORK_TYPES: readonly number[] = [0x0008, 0xdd86, 0x0081, 0xa888, 0x0608];

/** Sizes of struct bpf_tunnel_key, and one that is none. */
const KEY_SIZES: readonly number[] = [44, 44, 44, 28, 24, 22, 8, 12];

/** Helpers of tc programs. */
const TC_CALLS: readonly CallMaker[] = [
  ...SKB_CALLS,
  packetLoad,
  (r) => onContext("skb_store_bytes", offset(r), memory(r), size(r), flags(r, [0, 1, 2, 3])),
  (r) => onContext("skb_pull_data", offset(r)),
  (r) => onContext("skb_change_tail", r.below(r.below(2) === 0 ? 200 : 17_000), flags(r, [0])),
  (r) => onContext("skb_change_head", r.below(r.below(2) === 0 ? 40 : 17_000), flags(r, [0])),
  (r) => onContext("skb_change_type", r.below(6)),
  (r) => onContext("skb_change_proto", r.of(NETWORK_TYPES), flags(r, [0])),
  (r) => {
    const room = flags(r, [0, 0, 2, 4, 10, 12, 18, 20, 32, 66, 128, 256, 384]);
    const inner = r.below(4) === 0 ? BigInt(r.of([0, 14, 20])) << 56n : 0n;
    return onContext("skb_adjust_room", signed(r, r.of([20, 60, 5000])), r.below(3), room | inner);
  },
  (r) => {
    const inner = r.of([0n, 0n, 14n << 56n | 64n]);
    const room = BigInt(r.of([2, 4, 2 | 8, 4 | 8, 2 | 16, 4 | 16]) | r.of([0, 32]));
    return onContext("skb_adjust_room", r.of([20, 40, 28, 50]), r.below(2), room | inner);
  },
  (r) => onContext("skb_adjust_room", -BigInt(r.of([4, 8, 20])), r.below(2), r.of([0, 128, 256])),
  (r) => onContext("skb_change_proto", r.of([0x0008, 0xdd86]), 0),
  (r) => onContext("skb_vlan_push", r.of(NETWORK_TYPES), r.below(65_536)),
  (r) => onContext("skb_vlan_push", r.of(NETWORK_TYPES), r.below(65_536)),
  () => onContext("skb_vlan_pop"),
  (r) => onContext("l3_csum_replace", offset(r), ...replacement(r), flags(r, [0, 2, 4])),
  (r) => {
    const sizes = r.of([0, 2, 4]) | r.below(16) << 4;
    return onContext("l4_csum_replace", offset(r), ...replacement(r), flags(r, [sizes]));
  },
  checksumDifference,
  (r) => onContext("csum_update", r.below(2 ** 32)),
  (r) => onContext("csum_level", flags(r, [0, 0, 1, 2, 3])),
  (r) => onContext("set_hash", r.below(2 ** 32)),
  () => onContext("set_hash_invalid"),
  () => onContext("skb_ecn_set_ce"),
  (r) => onContext("skb_set_tstamp", r.of([0, 0, 12_345]), r.below(4)),
  (r) => call("redirect", r.below(4), flags(r, [0, 1])),
  (r) => call("redirect_peer", r.below(4), flags(r, [0])),
  (r) => call("redirect_neigh", r.below(4), { data: 0 }, r.of([0, 4, 20, 24]), flags(r, [0])),
  (r) =>
    onContext("skb_set_tunnel_key", { data: 768 }, r.of(KEY_SIZES), flags(r, [0, 1, 2, 4, 8, 16])),
  (r) => onContext("skb_get_tunnel_key", { data: 640 }, r.of(KEY_SIZES), flags(r, [0, 1, 16, 17])),
  (r) => onContext("skb_set_tunnel_opt", memory(r), r.of([4, 8, 40, 7, 252, 256])),
  (r) => onContext("skb_get_tunnel_opt", { data: 0 }, r.of([4, 8, 40, 252, 256])),
  (r) =>
    onContext("check_mtu", r.of([0, 1, 9]), { data: 512 }, signed(r, 70_000), flags(r, [0, 1])),
  () => onContext("get_route_realm"),
  () => onContext("skb_cgroup_classid"),
];

/** What changes: nothing before, or a number and another one. */
function replacement(random: Random): [Argument, Argument] {
  const from = random.below(3) === 0 ? 0 : random.below(2 ** 32);
  return [from, random.below(2 ** 32)];
}

/** Calls by program type. */
const CALLS: { readonly [type: string]: readonly CallMaker[] } = {
  xdp: XDP_CALLS,
  sched_cls: TC_CALLS,
  socket_filter: [...SKB_CALLS, packetLoad],
  cgroup_skb: [...SKB_CALLS, () => onContext("skb_ecn_set_ce")],
  lwt_xmit: [
    ...SKB_CALLS,
    (r) => onContext("skb_store_bytes", offset(r), memory(r), size(r), flags(r, [0, 1, 2, 3])),
    (r) => onContext("skb_change_tail", r.below(200), flags(r, [0])),
    (r) => onContext("skb_change_head", r.below(40), flags(r, [0])),
    (r) => onContext("l3_csum_replace", offset(r), ...replacement(r), flags(r, [0, 2, 4])),
    (r) => onContext("l4_csum_replace", offset(r), ...replacement(r), flags(r, [0, 2, 4])),
    (r) => onContext("skb_pull_data", offset(r)),
    (r) => call("redirect", r.below(4), flags(r, [0, 1])),
  ],
};

/** Types that are compared. */
export const REFEREE_TYPES: readonly string[] = Object.keys(CALLS);

/** Fields of the context that a program looks at after each call. */
const FIELDS: { readonly [type: string]: readonly string[] } = {
  xdp: ["ingress_ifindex", "rx_queue_index"],
  sched_cls: [
    // deno-fmt-ignore
    ...["len", "pkt_type", "mark", "queue_mapping", "protocol", "vlan_present", "vlan_tci", "vlan_proto", "priority"],
    // deno-fmt-ignore
    ...["ingress_ifindex", "ifindex", "tc_index", "cb", "hash", "tc_classid", "wire_len", "gso_segs", "gso_size"],
  ],
  socket_filter: ["len", "pkt_type", "protocol", "vlan_present", "ifindex", "cb", "hash"],
  cgroup_skb: ["len", "pkt_type", "mark", "protocol", "priority", "cb", "hash"],
  lwt_xmit: ["len", "pkt_type", "mark", "protocol", "priority", "ifindex"],
};

const hex = (n: number | bigint): string => BigInt.asUintN(64, BigInt(n)).toString(16);

function argumentText(register: number, argument: Argument): string {
  if (argument === "context") return `mov %r${register}, %r6`;
  if (typeof argument === "object") {
    return `lddw %r${register}, map_value 0x3 + 0x${hex(DATA + argument.data)}`;
  }
  return `lddw %r${register}, 0x${hex(argument)}`;
}

/** The program: after each call it notes the result and the fields. */
function source(type: string, calls: readonly Call[]): string {
  const layout = type === "xdp" ? XDP_MD : SK_BUFF;
  const lines = ["mov %r6, %r1", "lddw %r8, map_value 0x3 + 0x0"];
  let at = 0;
  const look = () => {
    for (const name of FIELDS[type]) {
      lines.push(`ldxw %r0, [%r6+0x${hex(layout.byName.get(name)!.offset)}]`);
      lines.push(`stxw [%r8+0x${hex(at)}], %r0`);
      at += 4;
    }
    at = Math.ceil(at / 8) * 8;
  };
  look();
  for (const { name, args } of calls) {
    if (name.startsWith("ldabs")) {
      lines.push(`${name} 0x${hex(BigInt.asUintN(32, BigInt(Number(args[0]))))}`);
    } else {
      args.forEach((argument, i) => lines.push(argumentText(i + 1, argument)));
      lines.push(`call 0x${hex(helperByName(name)!.id)}`);
    }
    lines.push(`stxdw [%r8+0x${hex(at)}], %r0`);
    at += 8;
    look();
  }
  return [...lines, "mov %r0, 0x1", "exit", ""].join("\n");
}

function fileOf(type: string, random: Random): MapFile {
  const bytes = [...random.bytes(VALUE_SIZE - DATA)];
  // A tunnel key that is often valid: no label, nothing in tunnel_ext.
  for (const at of random.below(3) > 0 ? [22, 23, 24, 25, 26, 27] : []) bytes[768 + at] = 0;
  if (random.below(2) === 0) bytes.fill(0, 512, 516);
  return parseMapFile(JSON.stringify({
    program: { type, license: "GPL" },
    maps: {
      3: {
        type: "array",
        key: 4,
        value: VALUE_SIZE,
        entries: 1,
        init: { offset: DATA, bytes },
      },
    },
  }));
}

/** Fields that the kernel's test run takes and gives. */
const EXCHANGED: readonly string[] = [
  // deno-fmt-ignore
  ...["mark", "priority", "ingress_ifindex", "ifindex", "tstamp", "wire_len", "gso_segs", "hwtstamp"],
  ...["cb[0]", "cb[1]", "cb[2]", "cb[3]", "cb[4]"],
];

/** A context as the kernel's test run takes it. */
function randomContext(type: string, random: Random, length: number): Uint8Array<ArrayBuffer> {
  const layout = type === "xdp" ? XDP_MD : SK_BUFF;
  const bytes = buffer(layout.size);
  if (type === "xdp") {
    const meta = random.below(2) === 0 || length < 60 ? 0 : 4 * random.below(9);
    writeFields(layout, bytes, "little", { data: meta, data_end: length });
    return bytes;
  }
  writeFields(layout, bytes, "little", {
    mark: random.below(2 ** 32),
    priority: random.below(16),
    ingress_ifindex: random.below(3),
    ifindex: random.below(2),
    cb: [1, 2, 3, 4, 5].map((n) => n * random.below(1000)),
    tstamp: random.below(2) * 999,
    wire_len: random.below(2) * 20_000,
    gso_segs: random.below(4) === 0 ? 3 : 0,
    gso_size: random.below(8) === 0 ? 100 : 0,
  });
  return bytes;
}

/** What a run left, as text. */
interface Outcome {
  readonly returnValue: number;
  readonly value: Uint8Array;
  readonly packet: Uint8Array;
  readonly context: string;
}

function contextText(type: string, bytes: Uint8Array): string {
  if (type === "xdp") return "";
  const fields = readFields(SK_BUFF, bytes, "little");
  return EXCHANGED.map((name) => `${name}=${fields[name]}`).join(" ");
}

/** Bytes that the program does not see: the kernel gives zeros in their place. */
const hiddenBytes = (type: string): number => type === "xdp" || type === "sched_cls" ? 0 : 14;

function runInKernel(
  kernel: Kernel,
  text: string,
  file: MapFile,
  packet: Uint8Array<ArrayBuffer>,
  context: Uint8Array<ArrayBuffer>,
): Outcome | string {
  const program = loadProgram(new TextEncoder().encode(text), { from: "asm" });
  const { verdict, loaded } = kernel.load(program, program.functions[0], { file });
  if (loaded === null) return `refused: ${verdict.reason}`;
  try {
    const result = kernel.bpf.programs.testRun(loaded.fd, {
      data: packet,
      context,
      repeat: 1,
      outputSize: 70_000,
    });
    if (typeof result === "number") return `error ${result}`;
    const value = buffer(VALUE_SIZE);
    kernel.bpf.maps.lookup(loaded.maps[0].fd, buffer(4), value);
    return {
      returnValue: result.returnValue,
      value,
      packet: result.data,
      context: contextText(file.type, result.context),
    };
  } finally {
    loaded.close();
  }
}

function runInSandbox(
  engine: EngineName,
  text: string,
  file: MapFile,
  packet: Uint8Array,
  ctx: Uint8Array,
  linear?: number,
): Outcome | string {
  const program = loadProgram(new TextEncoder().encode(text), { from: "asm" });
  const vm = Vm.loadSync(program, {
    file,
    type: file.type,
    engine,
    missing: "load",
    providers: { device: (ifindex) => ifindex === 1 ? { mtu: 65_536 } : null },
  });
  const run = vm.program().run({ packet, ctx, linear });
  if (run.fault !== null) return `${run.fault.kind}: ${run.fault.message}`;
  const [{ map }] = Object.values(vm.maps);
  return {
    returnValue: Number(run.returnValue),
    value: map.read(buffer(4)) as Uint8Array,
    packet: concatBytes([run.meta, run.packet!]),
    context: contextText(file.type, run.context),
  };
}

function describe(type: string, calls: readonly Call[]): string {
  const text = (argument: Argument) =>
    typeof argument === "object"
      ? `&data[${argument.data}]`
      : argument === "context"
      ? "ctx"
      : `0x${hex(argument)}`;
  return `${type}: ${
    calls.map(({ name, args }) => `${name}(${args.map(text).join(", ")})`).join("; ")
  }`;
}

function difference(type: string, kernel: Outcome, sandbox: Outcome): string {
  const byte = kernel.value.findIndex((b, i) => b !== sandbox.value[i]);
  if (byte >= 0) {
    const word = (bytes: Uint8Array) => [...bytes.subarray(byte & ~7, (byte & ~7) + 8)].join(" ");
    return `byte ${byte} of the value: kernel ${word(kernel.value)}, sandbox ${
      word(sandbox.value)
    }`;
  }
  if (kernel.returnValue !== sandbox.returnValue) {
    return `return value: kernel ${kernel.returnValue}, sandbox ${sandbox.returnValue}`;
  }
  if (kernel.context !== sandbox.context) {
    return `context: kernel ${kernel.context}, sandbox ${sandbox.context}`;
  }
  if (kernel.packet.length !== sandbox.packet.length) {
    return `packet: kernel ${kernel.packet.length} bytes, sandbox ${sandbox.packet.length}`;
  }
  const at = kernel.packet.findIndex((b, i) => i >= hiddenBytes(type) && b !== sandbox.packet[i]);
  return at < 0
    ? ""
    : `byte ${at} of the packet: kernel ${kernel.packet[at]}, sandbox ${sandbox.packet[at]}`;
}

/** What a comparison found. */
export interface Refereed {
  /** Programs that ran on both sides. */
  readonly runs: number;
  /** Programs that the kernel's verifier or test run refused. */
  readonly refused: number;
  /** Calls by helper. */
  readonly calls: ReadonlyMap<string, number>;
  /** Differences, with the program. */
  readonly differences: readonly string[];
}

/**
 * Compares random programs.
 *
 * @param kernel The kernel.
 * @param type Program type, one of {@link REFEREE_TYPES}.
 * @param count How many programs.
 * @param seed Seed of the programs and packets.
 * @returns What was found.
 */
export function referee(kernel: Kernel, type: string, count: number, seed: number): Refereed {
  const calls = new Map<string, number>();
  const differences: string[] = [];
  let runs = 0, refused = 0;
  for (let i = 0; i < count; i++) {
    const random = new Random(Math.imul(seed, 7919) + i);
    const sequence = Array.from(
      { length: 1 + random.below(9) },
      () => random.of(CALLS[type])(random),
    );
    const packet = type === "xdp" && random.below(5) === 0
      ? random.bytes(3000 + random.below(8000))
      : randomFrame(random);
    const context = randomContext(type, random, packet.length);
    const text = source(type, sequence), file = fileOf(type, random);
    const expected = runInKernel(kernel, text, file, packet, context);
    if (typeof expected === "string") {
      refused++;
      continue;
    }
    runs++;
    for (const { name } of sequence) calls.set(name, (calls.get(name) ?? 0) + 1);
    for (const engine of ENGINES) {
      const actual = runInSandbox(engine, text, file, packet, context);
      const found = typeof actual === "string" ? actual : difference(type, expected, actual);
      if (found === "") continue;
      differences.push(`#${i} ${engine}: ${describe(type, sequence)}\n  ${found}`);
    }
  }
  return { runs, refused, calls, differences };
}

/** Calls whose results depend on how much of a packet is linear. */
const LINEAR_CALLS: ReadonlySet<string> = new Set([
  "skb_load_bytes_relative",
  "ldabsb",
  "ldabsh",
  "ldabsw",
]);

/**
 * Compares random tc programs on packets that are all in memory with the same on packets that are only in part.
 *
 * @param count How many programs.
 * @param seed Seed of the programs and packets.
 * @returns What differs, with the program.
 */
export function compareLinearity(count: number, seed: number): string[] {
  const type = "sched_cls";
  const differences: string[] = [];
  for (let i = 0; i < count; i++) {
    const random = new Random(Math.imul(seed, 7919) + i);
    const sequence = Array.from({ length: 1 + random.below(6) }, () => random.of(TC_CALLS)(random))
      .filter(({ name }) => !LINEAR_CALLS.has(name));
    const packet = randomFrame(random);
    const context = randomContext(type, random, packet.length);
    const text = source(type, sequence), file = fileOf(type, random);
    const run = (linear?: number) =>
      runInSandbox("interpreter", text, file, packet, context, linear);
    const [whole, part] = [run(), run(54 + random.below(100))];
    if (typeof whole === "string" || typeof part === "string") {
      if (whole !== part) differences.push(`#${i} ${describe(type, sequence)}\n  ${whole} ${part}`);
      continue;
    }
    const found = difference(type, whole, part);
    if (found !== "") differences.push(`#${i} ${describe(type, sequence)}\n  ${found}`);
  }
  return differences;
}
