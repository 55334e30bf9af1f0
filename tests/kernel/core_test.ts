/**
 * CO-RE relocation against the running kernel's types: instructions with records are what libbpf makes of them.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { EpassError } from "../../lib/errors.ts";
import { encode } from "../../lib/isa/codec.ts";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { Libbpf, type LibbpfObject } from "../../lib/kernel/libbpf.ts";
import { buffer } from "../../lib/kernel/native.ts";
import { testRun } from "../../lib/kernel/test_run.ts";
import { CoreRelocator } from "../../lib/object/core_relocate.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { Program, ProgramFunction } from "../../lib/object/program.ts";
import { findFunction } from "../../lib/object/select.ts";
import { filesUnder, ROOT, SHARED, testWith } from "../support.ts";

/** For programs whose section tells no type: BPF_PROG_TYPE_SOCKET_FILTER. */
const DEFAULT_TYPE = 1;

/** Programs are compared that have a kind of record not seen before, and until there are enough records, large ones. */
const ENOUGH = 500, LARGE = 50;

/** The object, opened by libbpf; null if it refuses. */
function openObject(libbpf: Libbpf, bytes: Uint8Array): LibbpfObject | null {
  try {
    return libbpf.open(bytes, "core");
  } catch (error) {
    if (error instanceof EpassError) return null;
    throw error;
  }
}

/** A program as libbpf links it, whether or not the kernel then takes it; null if libbpf does not come to that. */
function linkedByLibbpf(libbpf: Libbpf, bytes: Uint8Array, name: string): Uint8Array | null {
  const object = openObject(libbpf, bytes);
  try {
    const program = object?.programs().find((p) => p.name === name);
    if (object === null || program === undefined) return null;
    const as = { type: program.type || DEFAULT_TYPE, attachType: null };
    object.select(program, { ...as, log: { level: 0, buffer: buffer(4096) } }, new Set());
    const { status, reasons } = object.load();
    return status < 0 && /failed to create/.test(reasons) ? null : object.instructions(program);
  } finally {
    object?.close();
  }
}

/** Indices of the instructions of a function that have records. */
function recordsOf({ section, first, last }: ProgramFunction): number[] {
  return Array.from({ length: last - first }, (_, i) => first + i)
    .filter((i) => section.core.has(section.slots[i]));
}

/** Compares the instructions of a function that have records with libbpf's; returns how many. */
function compare(fn: ProgramFunction, relocator: CoreRelocator, linked: Uint8Array): number {
  const { section, first } = fn;
  const records = recordsOf(fn);
  for (const i of records) {
    const bytes = encode(relocator.relocate(section.insns[i], section.core.get(section.slots[i])!));
    const at = (section.slots[i] - section.slots[first]) * 8;
    assert.deepEqual(
      [...bytes],
      [...linked.subarray(at, at + bytes.length)],
      `${section.name} ${fn.name} slot ${section.slots[i]}`,
    );
  }
  return records.length;
}

/** The objects of the corpus that have records. */
function* objectsWithRecords(): Generator<{ bytes: Uint8Array; program: Program }> {
  for (const file of filesUnder(join(SHARED, "corpus", "objects"), ".o")) {
    const bytes = new Uint8Array(readFileSync(file));
    const program = loadProgram(bytes);
    if (program.sections.some(({ core }) => core.size > 0)) yield { bytes, program };
  }
}

testWith(["kernel", "shared"], "instructions with records are those of libbpf", () => {
  const kernel = new Kernel();
  const libbpf = new Libbpf(kernel.native);
  const kinds = new Set<number>();
  let compared = 0;
  try {
    for (const { bytes, program } of objectsWithRecords()) {
      const relocator = new CoreRelocator(program.elf!.btf!, kernel.types);
      for (const fn of program.functions) {
        const own = recordsOf(fn).map((i) => fn.section.core.get(fn.section.slots[i])!.kind);
        const large = own.length >= LARGE && compared < ENOUGH;
        if (!large && own.every((kind) => kinds.has(kind))) continue;
        const linked = linkedByLibbpf(libbpf, bytes, fn.name);
        if (linked === null) continue;
        compared += compare(fn, relocator, linked);
        own.forEach((kind) => kinds.add(kind));
      }
    }
  } finally {
    libbpf.close();
    kernel.close();
  }
  assert.equal(kinds.size, 13);
  assert.ok(compared >= ENOUGH, `${compared} instructions compared`);
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
