/**
 * What programs find in the running kernel, and what the own loader loads them as.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../../lib/compile.ts";
import { EpassError } from "../../lib/errors.ts";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { parseConfig, versionCode } from "../../lib/kernel/kernel_config.ts";
import { loadTarget } from "../../lib/kernel/load_target.ts";
import { ATTACH_TYPES, PROGRAM_TYPES } from "../../lib/kernel/program_types.ts";
import { verifyPrograms } from "../../lib/kernel/verify.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { PROGRAM_FLAG } from "../../lib/object/section_names.ts";
import { SHARED, testWith } from "../support.ts";

function withKernel<T>(step: (kernel: Kernel) => T): T {
  const kernel = new Kernel();
  try {
    return step(kernel);
  } finally {
    kernel.close();
  }
}

Deno.test("a release as a number, as LINUX_VERSION_CODE has it", () => {
  assert.equal(versionCode("6.18.44-generic"), 0x06_12_2cn);
  assert.equal(versionCode("4.9.337"), 0x04_09_ffn);
  assert.equal(versionCode("5.15"), 0x05_0f_00n);
  assert.equal(versionCode("none"), 0n);
});

Deno.test("values of a configuration: numbers, texts, y and m", () => {
  const text = `# Linux
CONFIG_HZ=250
CONFIG_BPF=y
CONFIG_VETH=m
CONFIG_PHYSICAL_START=0x1000000
CONFIG_LOCALVERSION="-a b"
# CONFIG_KASAN is not set
`;
  assert.deepEqual([...parseConfig(text)], [
    ["CONFIG_HZ", 250n],
    ["CONFIG_BPF", "y"],
    ["CONFIG_VETH", "m"],
    ["CONFIG_PHYSICAL_START", 0x1000000n],
    ["CONFIG_LOCALVERSION", "-a b"],
  ]);
});

testWith(
  "kernel",
  "functions, types and addresses of the running kernel",
  () =>
    withKernel(({ running, bpf }) => {
      const lock = running.find("func", "bpf_rcu_read_lock");
      assert.equal(lock?.module, 0);
      assert.equal(running.types.btf.type(lock!.id).name, "bpf_rcu_read_lock");
      assert.equal(running.find("func", "no_such_function_anywhere"), null);
      assert.ok((running.address("bpf_map_lookup_elem") ?? 1n) > 0n);
      assert.equal(running.address("no.such symbol("), null);
      assert.equal(bpf.types.ids()[0], 1);
      const fd = bpf.types.open(1);
      assert.deepEqual([bpf.types.info(fd).name, bpf.types.info(fd).kernel], ["vmlinux", true]);
      bpf.close(fd);
    }),
);

testWith("kernel", "the version of the running kernel", () =>
  withKernel(({ running }) => {
    const { stdout } = new Deno.Command("uname", { args: ["-r"] }).outputSync();
    assert.equal(
      running.config("LINUX_KERNEL_VERSION"),
      versionCode(new TextDecoder().decode(stdout)),
    );
    assert.equal(running.config("CONFIG_NO_SUCH_OPTION"), null);
  }));

testWith(
  "kernel",
  "sections tell the own loader types, flags and what to attach to",
  () =>
    withKernel(({ running }) => {
      const as = (section: string, type: string) =>
        loadTarget(running, section, {}, PROGRAM_TYPES.indexOf(type));
      const traced = as("tp_btf/sys_enter", "tracing");
      assert.equal(ATTACH_TYPES[traced.attachType], "trace_raw_tp");
      assert.equal(running.types.btf.type(traced.attachBtfId).name, "btf_trace_sys_enter");
      assert.equal(as("xdp.frags", "xdp").flags, PROGRAM_FLAG.XDP_HAS_FRAGS);
      assert.equal(as("syscall", "syscall").flags, PROGRAM_FLAG.SLEEPABLE);
      // What a section of another type says does not count.
      assert.deepEqual(as("tp_btf/sys_enter", "xdp"), {
        type: PROGRAM_TYPES.indexOf("xdp"),
        attachType: 0,
        attachBtfId: 0,
        attachModule: 0,
        flags: 0,
      });
      assert.throws(
        () => as("fentry/no_such_function_anywhere", "tracing"),
        (error: unknown) =>
          error instanceof EpassError && /this kernel has no func/.test(error.message),
      );
    }),
);

testWith(["kernel", "shared"], "a program with an arena, its variables and its kfuncs", () => {
  const file = join(SHARED, "corpus", "objects", "linux612-selftests", "arena_htab.bpf.o");
  const original = loadProgram(new Uint8Array(readFileSync(file)));
  const rewritten = loadProgram(compileProgram(original).bytes);
  const [row] = withKernel((kernel) => verifyPrograms(kernel, rewritten, original, undefined));
  assert.equal(row.original?.reason, "");
  assert.equal(row.verdict.reason, "");
  assert.equal(row.verdict.statistics.processed, row.original?.statistics.processed);
});
