/**
 * The own linker against the running kernel: instructions with CO-RE records and externs are what libbpf makes of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { Libbpf } from "../../lib/kernel/libbpf.ts";
import { testRun } from "../../lib/kernel/test_run.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program, ProgramFunction } from "../../lib/object/program.ts";
import { findFunction } from "../../lib/object/select.ts";
import { compareLinkers, kernelReferences } from "../../scripts/linker_agreement.ts";
import { filesUnder, ROOT, SHARED, testWith } from "../support.ts";

/** Programs are compared that have a kind of record not seen before, and until there are enough records, large ones. */
const ENOUGH = 500, LARGE = 50;

/** Externs are compared up to this many. */
const ENOUGH_EXTERNS = 40;

/** Kinds of the records of a function. */
const kindsOf = (fn: ProgramFunction): number[] =>
  kernelReferences(fn).records.map((slot) => fn.section.core.get(slot)!.kind);

/** The objects of the corpus with something to resolve against the kernel. */
function* objectsToLink(): Generator<Program> {
  for (const file of filesUnder(join(SHARED, "corpus", "objects"), ".o")) {
    const program = loadProgram(new Uint8Array(readFileSync(file)));
    const wanted = program.functions.map(kernelReferences)
      .some(({ records, externs }) => records.length + externs.length > 0);
    if (wanted && program.elf?.btf != null && program.order === "little") yield program;
  }
}

testWith(["kernel", "shared"], "instructions with records and externs are those of libbpf", () => {
  const kernel = new Kernel();
  const libbpf = new Libbpf(kernel.native);
  const kinds = new Set<number>();
  let records = 0, externs = 0;
  try {
    for (const program of objectsToLink()) {
      for (const fn of program.functions) {
        const own = kindsOf(fn);
        const large = own.length >= LARGE && records < ENOUGH;
        const calls = kernelReferences(fn).externs.length > 0 && externs < ENOUGH_EXTERNS;
        if (!large && !calls && own.every((kind) => kinds.has(kind))) continue;
        const agreement = compareLinkers(kernel, libbpf, program, fn);
        if (agreement === null) continue;
        assert.deepEqual(agreement.differences, []);
        records += agreement.records;
        externs += agreement.externs;
        own.forEach((kind) => kinds.add(kind));
      }
    }
  } finally {
    libbpf.close();
    kernel.close();
  }
  assert.equal(kinds.size, 13);
  assert.ok(records >= ENOUGH, `${records} instructions compared`);
  assert.ok(externs >= ENOUGH_EXTERNS, `${externs} externs compared`);
});

testWith("kernel", "epass's own linker relocates to the kernel's types", () => {
  const kernel = new Kernel();
  try {
    const bytes = new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", "core.o")));
    const program = loadProgram(bytes);
    const { btf } = kernel.types;
    const task = btf.members(btf.find("struct", "task_struct")!);
    // To libbpf a function outside of sections of programs is none.
    const [{ returnValue }] = testRun(kernel, program, findFunction(program, "kernel_offset"), {
      type: "socket_filter",
      inputs: [new Uint8Array(64)],
      context: null,
      repeat: 1,
    });
    assert.equal(returnValue, task.find(({ name }) => name === "tgid")!.bitOffset / 8);
  } finally {
    kernel.close();
  }
});
