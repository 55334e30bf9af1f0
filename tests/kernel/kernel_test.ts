/**
 * The running kernel: verdicts, statistics, refusals, test runs, and that nothing is left open or loaded.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../../lib/compile.ts";
import { EpassError } from "../../lib/errors.ts";
import { Kernel, type KernelLoadOptions } from "../../lib/kernel/kernel.ts";
import { Native } from "../../lib/kernel/native.ts";
import { compareTestRuns, testRun } from "../../lib/kernel/test_run.ts";
import type { Verdict } from "../../lib/kernel/verdict.ts";
import { verifyPrograms } from "../../lib/kernel/verify.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { parseMapFile } from "../../lib/object/map_file.ts";
import type { Program } from "../../lib/object/program.ts";
import { findFunction } from "../../lib/object/select.ts";
import { ROOT, testWith } from "../support.ts";

const object = (name: string): Program =>
  loadProgram(new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name))));

const assembly = (text: string): Program => loadProgram(new TextEncoder().encode(text));

function withKernel<T>(step: (kernel: Kernel) => T): T {
  const kernel = new Kernel();
  try {
    return step(kernel);
  } finally {
    kernel.close();
  }
}

const verdicts = (program: Program, options: KernelLoadOptions = {}): Verdict[] =>
  withKernel((kernel) =>
    verifyPrograms(kernel, program, null, undefined, options).map((row) => row.verdict)
  );

testWith("kernel", "an object through libbpf: verdict, statistics and sizes", () => {
  const [firewall, egress, drops] = verdicts(object("firewall.o"));
  for (const verdict of [firewall, egress, drops]) assert.equal(verdict.reason, "");
  assert.deepEqual([firewall.type, egress.type, drops.type], [
    "xdp",
    "sched_cls",
    "raw_tracepoint",
  ]);
  assert.equal(firewall.instructions, 125);
  assert.ok(firewall.statistics.processed >= 100);
  assert.ok(firewall.statistics.peakStates > 0);
  assert.ok(firewall.xlatedBytes > 0);
});

testWith("kernel", "a legacy object through epass's own linker", () => {
  const [protocol, length] = verdicts(object("legacy.o")).filter((v) => v.program.startsWith("by"));
  assert.equal(protocol.reason, "");
  assert.equal(length.reason, "");
  assert.equal(length.instructions, 16);
});

testWith("kernel", "every program of the test objects is accepted after the rewrite", () => {
  for (const name of ["firewall.o", "legacy.o", "externs.o", "entangled.o"]) {
    const original = object(name);
    const rewritten = loadProgram(compileProgram(original).bytes);
    const rows = withKernel((kernel) => verifyPrograms(kernel, rewritten, original, undefined));
    for (const { verdict, original } of rows) {
      assert.equal(verdict.accepted, original?.accepted, `${name} ${verdict.program}`);
    }
  }
});

testWith("kernel", "a refusal names the instruction, the reason and the path", () => {
  const program = assembly(`
    r0 = 0
    r2 = *(u32 *)(r1 + 0)
    if r2 == 0 goto out
    r0 = *(u64 *)(r2 + 0)
  out:
    exit
  `);
  const [verdict] = verdicts(program, { type: "xdp" });
  assert.equal(verdict.accepted, false);
  assert.equal(verdict.failure?.pc, 3);
  assert.match(verdict.failure?.instruction ?? "", /^r0 = \*\(u64 \*\)\(r2 \+0\)$/);
  assert.match(verdict.reason, /invalid access to packet/);
  assert.deepEqual(verdict.failure?.path, [{ first: 0, last: 3 }]);
});

testWith("kernel", "a bare program with maps from a file", () => {
  const program = assembly(`
    *(u32 *)(r10 - 4) = 1
    r1 = map_fd 7 ll
    r2 = r10
    r2 += -4
    call 1
    if r0 == 0 goto out
    r0 = *(u64 *)(r0 + 0)
  out:
    exit
  `);
  const file = parseMapFile(
    '{"program":{"type":"socket_filter"},"maps":{"7":{"type":"hash","key":4,"value":8,"entries":9}}}',
  );
  assert.equal(verdicts(program, { file })[0].reason, "");
  assert.match(verdicts(program, { type: "xdp" })[0].reason, /cannot link map 7/);
});

testWith("kernel", "a program that attaches to a tracepoint of the kernel's types", () => {
  const program = assembly("r0 = 0\nexit\n");
  const as = { type: "tracing", attachType: "trace_raw_tp" };
  assert.equal(verdicts(program, { ...as, attach: "sys_enter" })[0].reason, "");
  assert.match(
    verdicts(program, { ...as, attach: "no_such_thing" })[0].reason,
    /this kernel has no typedef of that name/,
  );
});

testWith("kernel", "unknown types are refused with what is similar", () => {
  const [{ reason }] = verdicts(assembly("r0 = 0\nexit\n"), { type: "socket" });
  assert.match(reason, /cannot find program type socket: similar are socket_filter/);
});

testWith("kernel", "a test run returns the value and the packet", () => {
  const program = assembly(`
    r2 = *(u32 *)(r1 + 4)
    r1 = *(u32 *)(r1 + 0)
    r3 = r1
    r3 += 14
    r0 = 1
    if r3 > r2 goto out
    *(u8 *)(r1 + 0) = 42
    r0 = 2
  out:
    exit
  `);
  const packet = new Uint8Array(64).fill(7);
  const options = { type: "xdp", inputs: [packet], context: null, repeat: 3 };
  const [result] = withKernel((k) => testRun(k, program, program.functions[0], options));
  assert.equal(result.returnValue, 2);
  assert.deepEqual([result.data.length, result.data[0], result.data[1]], [64, 42, 7]);
  assert.throws(
    () =>
      withKernel((k) =>
        testRun(k, program, program.functions[0], { ...options, inputs: [packet.slice(0, 4)] })
      ),
    (error: unknown) => error instanceof EpassError && /the kernel says EINVAL/.test(error.message),
  );
});

testWith("kernel", "versions that differ are told apart, and equal ones are not", () => {
  const counting = (step: number) =>
    assembly(`
      *(u32 *)(r10 - 4) = 0
      r1 = map_fd 7 ll
      r2 = r10
      r2 += -4
      call 1
      if r0 == 0 goto out
      r1 = *(u64 *)(r0 + 0)
      r1 += ${step}
      *(u64 *)(r0 + 0) = r1
      r0 = 0
    out:
      r0 = 0
      exit
    `);
  const file = parseMapFile(
    '{"program":{"type":"socket_filter"},"maps":{"7":{"type":"array","key":4,"value":8,"entries":1}}}',
  );
  const compare = (a: Program, b: Program) =>
    withKernel((kernel) =>
      compareTestRuns(
        kernel,
        { program: a, fn: a.functions[0] },
        { program: b, fn: b.functions[0] },
        { file, count: 20, seed: 1 },
      )
    );
  assert.deepEqual(compare(counting(1), counting(1)).differences, []);
  assert.deepEqual(compare(counting(1), counting(2)).differences, ["contents of map map_7"]);
});

testWith("kernel", "the firewall does the same after the rewrite", () => {
  const original = object("firewall.o");
  const rewritten = loadProgram(compileProgram(original).bytes);
  const side = (program: Program) => ({ program, fn: findFunction(program, "firewall") });
  const compared = withKernel((kernel) =>
    compareTestRuns(kernel, side(original), side(rewritten), { count: 200, seed: 7 })
  );
  assert.equal(compared.runs, 200);
  assert.deepEqual(compared.differences, []);
});

testWith("kernel", "nothing stays pinned", () => {
  assert.deepEqual(verdicts(object("pinned.o")).map(({ accepted }) => accepted), [true]);
  // Where libbpf pins by name; Deno itself looks into /sys with all permissions only.
  const { code } = new Deno.Command("test", { args: ["-e", "/sys/fs/bpf/epass_pinned"] })
    .outputSync();
  assert.equal(code, 1);
});

testWith("kernel", "nothing stays open", () => {
  const native = new Native();
  /** The lowest file descriptor that is free. */
  const lowest = () => {
    const fd = native.libc.dup(2);
    native.libc.close(fd);
    return fd;
  };
  const before = lowest();
  for (let i = 0; i < 3; i++) {
    verdicts(object("firewall.o"));
    verdicts(object("legacy.o"));
    verdicts(assembly("r0 = 0\n"), { type: "xdp" });
  }
  assert.equal(lowest(), before);
  native.close();
});
