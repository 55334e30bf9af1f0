import assert from "node:assert/strict";
import { ENGINES } from "../../../lib/vm/engine.ts";
import { Vm, type VmOptions } from "../../../lib/vm/vm.ts";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { Environment } from "../../../lib/vm/environment.ts";
import { readForeignString } from "../../../lib/vm/foreign_memory.ts";
import { bindHelpers } from "../../../lib/vm/helpers/registry.ts";
import { MapTable } from "../../../lib/vm/maps/table.ts";
import { GuestMemory } from "../../../lib/vm/memory.ts";
import { BoundedLog } from "../../../lib/vm/records.ts";
import {
  type Call,
  constant,
  type HelperCase,
  inSandbox,
  type SandboxOutcome,
  value,
} from "./support.ts";

/** Runs calls on every engine, which must agree. */
function run(
  calls: readonly Call[],
  options: VmOptions = {},
  rest: Partial<HelperCase> = {},
): SandboxOutcome {
  const helperCase = { type: "raw_tracepoint", ...rest, calls };
  const [first, ...others] = ENGINES.map((engine) => inSandbox(helperCase, { engine, ...options }));
  for (const other of others) {
    assert.deepEqual(other.results, first.results);
    assert.deepEqual(other.data, first.data);
    assert.deepEqual(other.run.printk, first.run.printk);
    assert.deepEqual(other.run.actions, first.run.actions);
    assert.equal(other.run.fault?.kind, first.run.fault?.kind);
    assert.equal(other.run.fault?.pc, first.run.fault?.pc);
  }
  return first;
}

const results = (calls: readonly Call[], options: VmOptions = {}): bigint[] => {
  const outcome = run(calls, options);
  assert.equal(outcome.run.fault, null);
  return outcome.results.map((result) => BigInt.asUintN(64, result));
};

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

Deno.test("clocks start where told and move by a step with each reading", () => {
  const clock = { start: 5_000_000_000n, step: 10n, suspended: 7n, tai: 100n, hz: 100 };
  assert.deepEqual(
    results([
      ["ktime_get_ns"],
      ["ktime_get_ns"],
      ["ktime_get_boot_ns"],
      ["ktime_get_tai_ns"],
      ["ktime_get_coarse_ns"],
      ["jiffies64"],
    ], { clock }),
    [
      5_000_000_000n,
      5_000_000_010n,
      5_000_000_027n,
      5_000_000_130n,
      5_000_000_000n,
      // Jiffies start five minutes before they exceed 32 bits.
      (1n << 32n) - 30_000n + 500n,
    ],
  );
});

Deno.test("random numbers depend on the seed alone", () => {
  const calls: Call[] = [["get_prandom_u32"], ["get_prandom_u32"], ["get_prandom_u32"]];
  const first = results(calls, { seed: 7 });
  assert.deepEqual(results(calls, { seed: 7 }), first);
  assert.notDeepEqual(results(calls, { seed: 8 }), first);
  assert.equal(new Set(first).size, 3);
  assert.ok(first.every((number) => number < 1n << 32n));
});

Deno.test("the task is the one that the caller describes", () => {
  const task = {
    pid: 7,
    tgid: 5,
    uid: 1000,
    gid: 100,
    comm: "a name that is too long",
    cgroups: [1n, 22n, 333n],
    namespace: { device: 4n, inode: 9n, pid: 3, tgid: 2 },
  };
  const outcome = run(
    [
      ["get_current_pid_tgid"],
      ["get_current_uid_gid"],
      ["get_current_cgroup_id"],
      ["get_current_ancestor_cgroup_id", 1],
      ["get_current_ancestor_cgroup_id", 3],
      ["get_current_ancestor_cgroup_id", -1],
      ["get_ns_current_pid_tgid", 4, 9, value(0), 8],
      ["get_ns_current_pid_tgid", 4, 8, value(8), 8],
      ["get_current_comm", value(16), 16],
      ["get_current_comm", value(32), 4],
      ["get_current_comm", value(36), 24],
    ],
    { task },
    { data: new Uint8Array(64).fill(0xaa) },
  );
  assert.deepEqual(outcome.results, [
    5n << 32n | 7n,
    100n << 32n | 1000n,
    333n,
    22n,
    0n,
    0n,
    0n,
    -22n,
    0n,
    0n,
    0n,
  ]);
  const view = new DataView(outcome.data.buffer);
  assert.deepEqual([view.getUint32(0, true), view.getUint32(4, true)], [3, 2]);
  assert.equal(view.getBigUint64(8, true), 0n);
  assert.equal(text(outcome.data.subarray(16, 32)), "a name that is \0");
  assert.equal(text(outcome.data.subarray(32, 36)), "a n\0");
  assert.equal(text(outcome.data.subarray(36, 60)), "a name that is" + " " + "\0".repeat(9));
});

Deno.test("CPUs", () => {
  const calls: Call[] = [["get_smp_processor_id"], ["get_numa_node_id"]];
  assert.deepEqual(results(calls, { cpu: 2, cpus: 4 }), [2n, 0n]);
  assert.deepEqual(results(calls, { cpu: 9, cpus: 4 }), [3n, 0n]);
});

Deno.test("memory outside of the sandbox comes from the provider", () => {
  const asked: string[] = [];
  const providers = {
    readMemory: (space: string, address: bigint, size: number) => {
      asked.push(`${space} ${address.toString(16)} ${size}`);
      const page = text(new Uint8Array(16)) + "found\0";
      const at = Number(address - 0xffff_8888_0000_0000n);
      return at >= 0 && at + size <= page.length
        ? new TextEncoder().encode(page).subarray(at, at + size)
        : null;
    },
  };
  const base = 0xffff_8888_0000_0000n;
  const outcome = run(
    [
      ["probe_read_kernel", value(0), 6, base + 16n],
      ["probe_read_kernel_str", value(8), 32, base + 16n],
      ["probe_read_kernel_str", value(40), 4, base + 16n],
      ["probe_read_kernel", value(48), 8, base + 16n],
      ["probe_read_user", value(56), 6, 0x1000],
    ],
    { providers },
    { data: new Uint8Array(64).fill(0xaa) },
  );
  assert.deepEqual(outcome.results, [0n, 6n, 4n, -14n, -14n]);
  assert.equal(text(outcome.data.subarray(0, 6)), "found\0");
  assert.equal(text(outcome.data.subarray(8, 14)), "found\0");
  assert.equal(text(outcome.data.subarray(40, 44)), "fou\0");
  assert.deepEqual(outcome.data.subarray(48, 62), new Uint8Array(14));
  assert.ok(asked.includes("user 1000 6"));
});

Deno.test("a provider without end gives a string that is cut", () => {
  const providers = {
    readMemory: (_: string, _at: bigint, size: number) => new Uint8Array(size).fill(65),
  };
  const outcome = run([["probe_read_kernel_str", value(0), 32, 1n << 63n]], { providers });
  assert.deepEqual(outcome.results, [32n]);
  assert.equal(text(outcome.data.subarray(0, 33)), "A".repeat(31) + "\0\0");
  const memory = new GuestMemory("little");
  const env = new Environment(memory, new MapTable(memory), { providers });
  assert.equal(readForeignString(env, "user", 0n, 1 << 28)?.length, 65_536);
});

Deno.test("long strings are compared in no time, up to the end of memory", () => {
  const memory = new GuestMemory("little");
  const size = 1 << 25;
  const { address } = memory.allocate("strings", size);
  memory.slice(BigInt(address), size, true).fill(65);
  const env = new Environment(memory, new MapTable(memory));
  const strncmp = bindHelpers(env).get(helperByName("strncmp")!.id)!;
  const context = { memory, call: () => 0n, tailCall: () => {} };
  const start = performance.now();
  const half = BigInt(size / 2);
  const at = BigInt(address);
  assert.equal(strncmp(context, at, half, at + half, 0n, 0n), 0n);
  assert.ok(performance.now() - start < 2000);
});

Deno.test("what cannot be written to is a fault", () => {
  for (const address of [0n, 0xffff_ffff_ffff_fff0n, 1n << 40n, 0xc000_0000n]) {
    for (
      const call of [
        ["probe_read_kernel", address, 8, value(0)],
        ["get_current_comm", address, 16],
        ["get_stack", "context", address, 64, 0],
        ["get_ns_current_pid_tgid", 4, 9, address, 8],
        ["snprintf", address, 8, constant(0), value(0), 0],
        ["snprintf", value(0), 8, address, value(0), 0],
        ["strtol", address, 8, 0, value(0)],
        ["strtol", value(0), 8, 0, address],
        ["trace_printk", address, 8],
        ["csum_diff", address, 4, value(0), 0, 0],
        ["csum_diff", value(0), 1n << 31n, value(0), 0, 0],
        ["dynptr_from_mem", value(0), 8, 0, address],
      ] as const satisfies readonly Call[]
    ) {
      const { fault } = run([call as Call], {}, { constants: "x" }).run;
      assert.match(fault?.kind ?? "none", /^(null|out-of-bounds|read-only)$/, `${call[0]}`);
    }
  }
});

Deno.test("what is printed, in order; a newline at the end is not part of it", () => {
  const outcome = run(
    [
      ["trace_printk", value(0), 9, 1, 2, 3],
      ["trace_printk", value(16), 6],
      ["trace_vprintk", constant(0), 8, value(32), 16],
    ],
    {},
    {
      data: Uint8Array.from([
        ...new TextEncoder().encode("%d %d %d\0".padEnd(16, "\0") + "line\n\0"),
        ...new Uint8Array(10),
        ...[4, 0, 0, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0],
      ]),
      constants: "%d/%x",
    },
  );
  assert.deepEqual(outcome.run.printk, ["1 2 3", "line", "4/ff"]);
  assert.deepEqual(outcome.results, [5n, 5n, 4n]);
});

Deno.test("logs are bounded, and count what did not fit", () => {
  const calls = Array.from({ length: 20 }, (): Call => ["trace_printk", value(0), 5]);
  const lines = (records: VmOptions["records"]) => run(calls, { records }, { data: "line" }).run;
  assert.equal(lines({ entries: 10 }).printk.length, 10);
  assert.equal(lines({ entries: 10 }).dropped, 10);
  assert.equal(lines({ bytes: 30 }).printk.length, 7);
  assert.equal(lines({}).printk.length, 20);

  const log = new BoundedLog<string>(2, 10);
  assert.deepEqual([log.push("a", 6), log.push("b", 6), log.push("c", 4), log.push("d", 0)], [
    true,
    false,
    true,
    false,
  ]);
  assert.deepEqual(log.entries, ["a", "c"]);
  assert.equal(log.dropped, 2);
  log.clear();
  assert.deepEqual([log.entries.length, log.dropped, log.hasRoom(10)], [0, 0, true]);
});

Deno.test("stacks come from the provider", () => {
  const providers = {
    stack: (space: string) => space === "kernel" ? [0x10n, 0x20n, 0x30n] : null,
  };
  const outcome = run(
    [
      ["get_stack", "context", value(0), 16, 0],
      ["get_stack", "context", value(16), 32, 1],
      ["get_stack", "context", value(48), 8, 3],
      ["get_stack", "context", value(56), 8, 4],
      ["get_stack", "context", value(64), 8, 256],
    ],
    { providers },
    { data: new Uint8Array(128).fill(0xaa) },
  );
  assert.deepEqual(outcome.results, [16n, 16n, 0n, -14n, -14n]);
  const words = new BigUint64Array(outcome.data.slice(0, 80).buffer);
  assert.deepEqual([...words], [
    0x10n,
    0x20n,
    0x20n,
    0x30n,
    0n,
    0n,
    0n,
    0n,
    0n,
    0xaaaa_aaaa_aaaa_aaaan,
  ]);
});

Deno.test("what a traced function was called with and returned", () => {
  const source = (calls: readonly Call[]) => run(calls, {}, { type: "raw_tracepoint" });
  const outcome = source([
    ["get_func_arg", "context", 0, value(0)],
    ["get_func_arg_cnt", "context"],
    ["get_func_ret", "context", value(0)],
    ["get_attach_cookie", "context"],
    ["send_signal", 9],
    ["send_signal", 65],
    ["override_return", "context", -1],
  ]);
  assert.deepEqual(outcome.results, [-22n, 0n, -95n, 0n, 0n, -22n, 0n]);
  assert.deepEqual(outcome.run.actions, [
    { name: "send_signal", args: [9n] },
    { name: "override_return", args: [(1n << 64n) - 1n] },
  ]);
});

Deno.test("what a program is attached with", () => {
  const calls = ["get_attach_cookie", "get_func_ip", "get_func_arg_cnt"];
  const lines = calls.flatMap((name) => [
    `call 0x${helperByName(name)!.id.toString(16)}`,
    "mul %r6, 100",
    "add %r6, %r0",
  ]);
  const source = ["mov %r6, 0", ...lines, "mov %r0, %r6", "exit", ""].join("\n");
  for (const engine of ENGINES) {
    const vm = Vm.loadSync(new TextEncoder().encode(source), { engine, type: "tracing" });
    const input = { cookie: 7n, functionAddress: 8n, args: [1n, 2n, 3n] };
    assert.equal(vm.program().run(input).returnValue, 70803n);
    assert.equal(vm.program().run({ args: [] }).returnValue, 0n);
  }
});

Deno.test("helpers with a signature", () => {
  const seen: unknown[] = [];
  const program = ["mov %r1, -1", "mov %r2, -2", "mov %r3, 1", "call 0x7", "exit"].join("\n");
  const vm = Vm.loadSync(new TextEncoder().encode(program + "\n"));
  vm.registerHelper("get_prandom_u32", ["u32", "s64", "s32"], (_context, a, b, c) => {
    seen.push(a, b, c);
    return -5;
  });
  assert.equal(vm.run().returnValue, (1n << 64n) - 5n);
  assert.deepEqual(seen, [0xffff_ffff, -2n, 1]);
  vm.registerHelper(7, [], () => true);
  assert.equal(vm.run().returnValue, 1n);
  vm.registerHelper(7, ["memory"], (_context, bytes) => bytes.length);
  assert.equal(vm.run().fault?.kind, "out-of-bounds");
  vm.registerHelper(7, ["string"], (_context, name) => name.length);
  assert.equal(vm.run().fault?.kind, "out-of-bounds");
  vm.registerHelper(7, ["map"], (_context, map) => map.size);
  assert.match(vm.run().fault?.message ?? "", /is not a map/);
  vm.registerHelper(7, ["callback"], (_context, again) => again(1));
  assert.equal(vm.run().fault?.kind, "bad-call-target");
  assert.throws(() => vm.registerHelper("nothing", [], () => 0), /no helper has the name/);
});
