/**
 * The verifier's rules, on the running kernel: what keeps them is accepted, what breaks them is refused in the words that
 * taught them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import { completeTypes } from "../../lib/object/complete_types.ts";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { buffer, cString } from "../../lib/kernel/native.ts";
import { PROGRAM_TYPES } from "../../lib/kernel/program_types.ts";
import type { Verdict } from "../../lib/kernel/verdict.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { ROOT, testWith } from "../support.ts";
import { RULE_MAPS, withKfuncs } from "./rule_programs.ts";
import { VERIFIER_RULES } from "./verifier_rules.ts";

/** The verdict on a stream, in which kfuncs are named. */
function verdictOn(kernel: Kernel, text: string): Verdict {
  const program = loadProgram(new TextEncoder().encode(withKfuncs(kernel, text)));
  const { verdict, loaded } = kernel.load(program, program.functions[0], { file: RULE_MAPS });
  loaded?.close();
  return verdict;
}

for (const { rule, kept, broken, says } of VERIFIER_RULES) {
  testWith("kernel", `verifier: ${rule}`, () => {
    const kernel = new Kernel();
    try {
      assert.equal(verdictOn(kernel, kept).reason, "");
      const { accepted, reason } = verdictOn(kernel, broken);
      assert.equal(accepted, false, "the broken program is accepted");
      assert.match(reason, says);
    } finally {
      kernel.close();
    }
  });
}

/** Loads a stream with records of the types of an object; returns the log, and the status. */
function loadWithRecords(
  kernel: Kernel,
  text: string,
  functions: readonly number[],
  lines: readonly number[],
): { readonly status: number; readonly log: string } {
  const file = join(ROOT, "testdata", "objects", "firewall.o");
  const object = loadProgram(new Uint8Array(readFileSync(file))).elf!;
  const words = (rows: readonly (readonly number[])[]) => {
    const table = buffer(rows.length * rows[0].length * 4);
    new Uint32Array(table.buffer).set(rows.flat());
    return { bytes: table, recordSize: rows[0].length * 4 };
  };
  const { bpf } = kernel;
  const log = { level: 1, buffer: buffer(1 << 16) };
  const btfFd = bpf.types.load(completeTypes(object)!);
  assert.ok(btfFd > 0);
  const fn = object.btf!.find("func", "firewall")!.id;
  const insns = encode(assemble(text).insns);
  const status = bpf.programs.load({
    name: "records",
    type: PROGRAM_TYPES.indexOf("xdp"),
    attachType: 0,
    attachBtfId: 0,
    attachBtfFd: 0,
    flags: 0,
    fds: buffer(0),
    insns: Uint8Array.from(insns),
    license: "GPL",
    btfFd,
    functions: words(functions.map((slot) => [slot, fn])),
    lines: words(lines.map((slot) => [slot, 1, 1, 1 << 10])),
  }, log);
  bpf.close(btfFd);
  if (status >= 0) bpf.close(status);
  return { status, log: cString(log.buffer) };
}

testWith("kernel", "verifier: records start functions and instructions", () => {
  const kernel = new Kernel();
  const text = "call f\nr1 = 5 ll\nexit\nf:\nr0 = 0\nexit\n";
  try {
    assert.ok(loadWithRecords(kernel, text, [0, 4], [0, 1, 3, 4]).status >= 0);
    const missing = loadWithRecords(kernel, text, [0], [0]);
    assert.match(missing.log, /number of funcs in func_info doesn't match number of subprogs/);
    const second = loadWithRecords(kernel, text, [0, 4], [0, 2, 4]);
    assert.match(second.log, /Invalid insn code at line_info\[1\]\.insn_off/);
    const none = loadWithRecords(kernel, text, [0, 4], [0, 1]);
    assert.match(none.log, /missing bpf_line_info for 1 funcs starting from func#1/);
  } finally {
    kernel.close();
  }
});
