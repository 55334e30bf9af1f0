import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MissingHelpersError } from "../../lib/vm/load.ts";
import { Vm } from "../../lib/vm/vm.ts";
import { ROOT } from "../support.ts";

const object = (name: string) =>
  new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name)));

/** The counters of count_drops. */
const drops = (vm: Vm) =>
  (vm.maps[".bss"].get([0, 0, 0, 0]) as { kernel_drops: bigint[] }).kernel_drops;

Deno.test("only what a program needs is loaded", () => {
  // bpf_probe_read_kernel leaves the device null: the drop counts for index 0.
  const vm = Vm.loadSync(object("firewall.o"), {
    programs: ["count_drops"],
    helpers: { 113: () => 0n },
  });
  const program = vm.program("count_drops");
  assert.equal(program.type, "raw_tracepoint");
  assert.equal(program.attach, "kfree_skb");
  assert.equal(program.run({ args: [0x1000n, 0x2000n] }).fault, null);
  assert.equal(program.run({ args: [0x1000n, 0x2000n] }).fault, null);
  assert.equal(drops(vm)[0], 2n);
  assert.throws(() => vm.program("firewall"), /there are count_drops/);
});

Deno.test("variables are set before a program starts", () => {
  const vm = Vm.loadSync(object("firewall.o"), {
    programs: ["count_drops"],
    helpers: { 113: () => 0n },
    variables: { kernel_drops: 40n },
  });
  vm.program().run();
  assert.equal(drops(vm)[0], 41n);
  const options = { programs: ["count_drops"], helpers: { 113: () => 0n } };
  assert.throws(
    () => Vm.loadSync(object("firewall.o"), { ...options, variables: { nothing: 1 } }),
    /cannot set variable nothing/,
  );
});

Deno.test("a helper that the sandbox lacks: at load, or at the call", () => {
  const call = new TextEncoder().encode("call 0xfff\nexit\n");
  const atCall = Vm.loadSync(call);
  const { fault } = atCall.run();
  assert.equal(fault?.kind, "unknown-helper");
  assert.throws(
    () => Vm.loadSync(call, { missing: "load" }),
    (error) => error instanceof MissingHelpersError && error.missing[0].name === "#4095",
  );
});

Deno.test("a fault has its place in the input and its source line", () => {
  const vm = Vm.loadSync(object("firewall.o"), {
    programs: ["count_drops"],
    helpers: { 113: (context, r1) => context.memory.load(r1 + (1n << 40n), 8) },
  });
  const whole = vm.source.functions.find(({ name }) => name === "count_drops")!;
  const { fault } = vm.program("count_drops").run();
  assert.equal(fault?.kind, "out-of-bounds");
  assert.equal(fault.section, whole.section.name);
  assert.match(fault.source?.file ?? "", /firewall\.c$/);
  assert.match(fault.source?.text ?? "", /BPF_CORE_READ|probe_read|read/);
});

Deno.test("maps hold from the start what their definitions say: programs, and maps", () => {
  const vm = Vm.loadSync(object("externs.o"), { programs: ["dispatch"], engine: "interpreter" });
  assert.equal(vm.maps.epass_programs.get(0), "on_first");
  assert.equal(vm.maps.outer.get(1), "counters");
  const run = (fields: Record<string, number>) =>
    vm.program("dispatch").run({ packet: new Uint8Array(64), fields }).verdict;
  assert.equal(run({ rx_queue_index: 0 }), "XDP_PASS");
  assert.equal(run({ rx_queue_index: 1 }), "XDP_ABORTED");
  assert.equal(run({ rx_queue_index: 2, ingress_ifindex: 1 }), "XDP_PASS");
  assert.equal(run({ rx_queue_index: 2, ingress_ifindex: 2 }), "XDP_DROP");
});

Deno.test("both engines trace, limit and fault alike", () => {
  const source = new TextEncoder().encode("top:\nr0 += 1\ngoto top\n");
  for (const engine of ["wasm", "interpreter"] as const) {
    const vm = Vm.loadSync(source, { engine, metering: "exact" });
    assert.equal(vm.run({ limit: 1000 }).fault?.kind, "limit");
    const { fault } = vm.run({ limit: 1e12, timeoutMs: 30 });
    assert.match(fault?.message ?? "", /time limit/);
    const steps: number[] = [];
    vm.run({ limit: 4, trace: ({ pc }) => void steps.push(pc) });
    assert.deepEqual(steps.slice(0, 4), [0, 1, 0, 1]);
  }
});
