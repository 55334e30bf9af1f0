/**
 * epass's own linker against libbpf over the corpus: each instruction with a CO-RE record or an extern must become the same
 * for the running kernel. Needs root and libbpf.
 *
 * `deno run -P=kernel scripts/linker_agreement.ts [FILTER...]`
 *
 * @module
 */

import { equalBytes } from "../lib/bytes.ts";
import { EpassError } from "../lib/errors.ts";
import { encode } from "../lib/isa/codec.ts";
import { type Instruction, slotTable } from "../lib/isa/instruction.ts";
import type { Kernel } from "../lib/kernel/kernel.ts";
import { Libbpf, type LibbpfObject } from "../lib/kernel/libbpf.ts";
import { buffer } from "../lib/kernel/native.ts";
import { isSubprogram } from "../lib/object/describe.ts";
import { linkLoadable } from "../lib/object/loadable.ts";
import { loadProgram } from "../lib/object/load.ts";
import type { Program, ProgramFunction } from "../lib/object/program.ts";
import { CORPUS, openKernel } from "./kernel_rows.ts";
import { summaryLine } from "./tally.ts";

/** For programs whose section tells no type: BPF_PROG_TYPE_SOCKET_FILTER. */
const DEFAULT_TYPE = 1;

/** Helpers from here on stand for what must not run (libbpf's poison). */
const POISON = 0xbad2310;

/** How the two linkers agree on a program. */
export interface Agreement {
  /** Instructions with a CO-RE record that are the same. */
  readonly records: number;
  /** Instructions that refer to externs that are the same. */
  readonly externs: number;
  /** What is not the same, a phrase each. */
  readonly differences: readonly string[];
}

/** The object, opened by libbpf; null if it refuses. */
function openObject(libbpf: Libbpf, bytes: Uint8Array): LibbpfObject | null {
  try {
    return libbpf.open(bytes, "agreement");
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
    // What the kernel refuses was linked; of the rest libbpf says why not.
    const linked = status >= 0 || reasons === "" || /load of BPF program failed/.test(reasons);
    return linked || !/failed to create|extern|kconfig|relocat|attach/i.test(reasons)
      ? object.instructions(program)
      : null;
  } finally {
    object?.close();
  }
}

/**
 * Whether a function has what a linker resolves against the kernel.
 *
 * @param fn A function of an object.
 * @returns Slots of instructions with CO-RE records, and of those that refer to externs.
 */
export function kernelReferences(
  { section, first, last }: ProgramFunction,
): { readonly records: readonly number[]; readonly externs: readonly number[] } {
  const slots = [...section.slots.subarray(first, last)];
  return {
    records: slots.filter((slot) => section.core.has(slot)),
    externs: slots.filter((slot) => section.targets.get(slot)?.kind === "extern"),
  };
}

/**
 * Compares the two linkers on one function.
 *
 * @param kernel The kernel.
 * @param libbpf The other linker.
 * @param program An object.
 * @param fn One of its functions.
 * @returns How they agree; null if one of them does not link it.
 */
export function compareLinkers(
  kernel: Kernel,
  libbpf: Libbpf,
  program: Program,
  fn: ProgramFunction,
): Agreement | null {
  const linked = linkedByLibbpf(libbpf, program.bytes, fn.name);
  if (linked === null) return null;
  let own;
  try {
    own = linkLoadable(program, fn, null, kernel.running);
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    return { records: 0, externs: 0, differences: [error.message] };
  }
  const { records, externs } = kernelReferences(fn);
  const start = fn.section.slots[fn.first];
  const indexOf = new Map([...slotTable(own.insns)].map((slot, i) => [slot, i]));
  const handles = new Set(own.references.map(({ insn }) => insn));
  const differences: string[] = [];
  const sameAt = (slot: number): boolean => {
    const at = (slot - start) * 8;
    const insn = own.insns[indexOf.get(slot - start)!];
    const bytes = encode([insn]);
    const theirs = linked.subarray(at, at + bytes.length);
    const same = isPoison(insn) ? isPoisonOrNothing(theirs) : equalBytes(bytes, theirs);
    if (!same) differences.push(`slot ${slot} of ${fn.section.name} ${fn.name}`);
    return same;
  };
  return {
    records: records.filter(sameAt).length,
    // A value of the configuration is in a map, which each linker creates.
    externs: externs.filter((slot) => !handles.has(indexOf.get(slot - start)!)).filter(sameAt)
      .length,
    differences,
  };
}

/** Whether an instruction takes the place of one that must not run, or of a call of what is missing. */
const isPoison = ({ op, imm }: Instruction): boolean => op.kind === "call" && imm >= POISON;

/** The same in what libbpf makes: older versions call function 0. */
function isPoisonOrNothing(bytes: Uint8Array): boolean {
  const imm = new DataView(bytes.buffer, bytes.byteOffset).getInt32(4, true);
  return bytes[0] === 0x85 && (imm === 0 || imm >= POISON);
}

function main(): void {
  const kernel = openKernel();
  const libbpf = new Libbpf(kernel.native);
  let records = 0, externs = 0, programs = 0, differing = 0, unlinked = 0;
  const folder = `${CORPUS}/objects`;
  for (const project of Deno.readDirSync(folder)) {
    for (const { name } of Deno.readDirSync(`${folder}/${project.name}`)) {
      const input = `${project.name}/${name}`;
      if (Deno.args.length > 0 && !Deno.args.some((filter) => input.includes(filter))) continue;
      const program = loadProgram(Deno.readFileSync(`${folder}/${input}`));
      if (program.elf?.btf == null || program.order === "big") continue;
      for (const fn of program.functions) {
        const references = kernelReferences(fn);
        const count = references.records.length + references.externs.length;
        if (count === 0 || isSubprogram(fn, program)) continue;
        const agreement = compareLinkers(kernel, libbpf, program, fn);
        if (agreement === null) {
          unlinked += count;
          continue;
        }
        programs++;
        records += agreement.records;
        externs += agreement.externs;
        differing += agreement.differences.length;
        for (const what of agreement.differences.slice(0, 4)) console.log(`${input}: ${what}`);
      }
    }
  }
  libbpf.close();
  kernel.close();
  console.log(
    `${programs} programs: ${records} CO-RE records and ${externs} externs as libbpf links them, ` +
      `${differing} otherwise; ${unlinked} in programs that libbpf does not link`,
  );
  console.log(summaryLine({ passed: records + externs, failed: differing, skipped: 0 }));
  Deno.exitCode = differing === 0 ? 0 : 1;
}

if (import.meta.main) main();
