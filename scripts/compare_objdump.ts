/**
 * Compares our disassembly of the corpus with `llvm-objdump-19 -d`, line by line and up to white space.
 *
 *     deno run -P=script scripts/compare_objdump.ts [FILE...]
 *
 * Without files: every object of ../shared/corpus/objects (or below EPASS_SHARED). Prints how many lines differ for
 * each reason of {@link REASONS}, and every other difference; exits with 1 if there is one.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { decode } from "../lib/isa/codec.ts";
import { printInstruction } from "../lib/isa/disassemble.ts";
import { type Instruction, slotsOf } from "../lib/isa/instruction.ts";
import { isCode } from "../lib/object/code_section.ts";
import { type ElfFile, type ElfSection, type ElfSymbol, readElf } from "../lib/object/elf.ts";
import { filesUnder, SHARED, sharedName } from "../tests/support.ts";

/** A deliberate difference. */
interface Reason {
  /** Why we differ. */
  readonly why: string;
  /** Whether it explains a difference. */
  readonly explains: (insn: Instruction, theirs: string) => boolean;
}

/** Every deliberate difference. */
const REASONS: readonly Reason[] = [
  {
    why: "without +alu32 LLVM knows no 32-bit atomic but addition, and that without its fetch flag",
    explains: ({ op }, theirs) =>
      op.kind === "atomic" && op.size === 4 && /^(lock |<unknown>)/.test(theirs),
  },
  {
    why: "LLVM 19 does not know load-acquire, store-release and gotox",
    explains: ({ op }, theirs) =>
      op.kind === "gotox" && theirs === "<unknown>" ||
      (op.fn === "load_acquire" || op.fn === "store_release") && /^(lock |<unknown>)/.test(theirs),
  },
  {
    why: "LLVM ignores reserved fields; we print the encoding as unknown",
    explains: ({ op }) => op.kind === "invalid",
  },
];

const STT_SECTION = 3, STT_FILE = 4;

/** The symbols of a section as objdump sees them: by address, then by name; the section itself where none starts it. */
function symbolsOf(file: ElfFile, section: ElfSection): { name: string; value: number }[] {
  const symbols: Pick<ElfSymbol, "name" | "value">[] = file.symbols.filter((symbol) =>
    symbol.section === section.index && symbol.name !== "" && symbol.type !== STT_SECTION &&
    symbol.type !== STT_FILE
  );
  if (!symbols.some((symbol) => symbol.value === 0)) symbols.push({ name: section.name, value: 0 });
  return symbols.toSorted((a, b) =>
    a.value - b.value || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)
  );
}

/** The symbol of a jump target: the last that starts at or before it. Addresses are unsigned. */
function symbolizer(symbols: readonly { name: string; value: number }[]) {
  return (slot: number): string => {
    const address = BigInt.asUintN(64, BigInt(slot) * 8n);
    const symbol = symbols.findLast((s) => BigInt(s.value) <= address)!;
    const distance = address - BigInt(symbol.value);
    return symbol.name + (distance === 0n ? "" : `+0x${distance.toString(16)}`);
  };
}

/** The lines of objdump that hold instructions, by section: slot and text. */
function theirLines(path: string): Map<string, string[]> {
  const output = execFileSync("llvm-objdump-19", ["-d", "--no-show-raw-insn", path], {
    encoding: "utf8",
    maxBuffer: 1 << 30,
  });
  const sections = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of output.split("\n")) {
    const section = /^Disassembly of section (.*):$/.exec(line);
    if (section !== null) sections.set(section[1], lines = []);
    else if (/^ +\d+:\t/.test(line)) lines.push(line.replace(/\s+/g, " ").trim());
  }
  return sections;
}

/** How the disassembly of an object compares. */
export interface Comparison {
  /** Lines that are equal. */
  same: number;
  /** Lines that differ for each of {@link REASONS}. */
  readonly explained: number[];
  /** Every other difference. */
  readonly unlisted: string[];
}

function compareSection(
  result: Comparison,
  name: string,
  file: ElfFile,
  section: ElfSection,
  theirs: readonly string[],
): void {
  const symbolize = symbolizer(symbolsOf(file, section));
  const whole = section.bytes.subarray(0, section.bytes.length & ~7);
  const bySlot = new Map(theirs.map((line) => [Number.parseInt(line), line]));
  let slot = 0;
  for (const insn of decode(whole, file.order)) {
    const text = printInstruction(insn, slot, { objdump: true, symbolize });
    const ours = `${slot}: ${text}`.replace(/\s+/g, " ");
    const line = bySlot.get(slot) ?? "";
    bySlot.delete(slot);
    if (ours === line) result.same++;
    else {
      const reason = REASONS.findIndex((r) => r.explains(insn, line.replace(/^\d+: /, "")));
      if (reason >= 0) result.explained[reason]++;
      else result.unlisted.push(`${name} ${section.name}\n  ours    ${ours}\n  objdump ${line}`);
    }
    slot += slotsOf(insn);
  }
  for (const line of bySlot.values()) result.unlisted.push(`${name} ${section.name}: only ${line}`);
}

/**
 * Compares our disassembly of an object with objdump's.
 *
 * @param path The object.
 * @param name Its name, for messages.
 * @returns How they compare.
 */
export function compareObject(path: string, name: string): Comparison {
  const file = readElf(new Uint8Array(readFileSync(path)));
  const theirs = theirLines(path);
  const result = { same: 0, explained: REASONS.map(() => 0), unlisted: [] };
  for (const section of file.sections) {
    if (isCode(section)) {
      compareSection(result, name, file, section, theirs.get(section.name) ?? []);
    }
  }
  return result;
}

/** Compares the given objects, or those of the corpus. */
function main(): void {
  const paths = Deno.args.length > 0
    ? Deno.args
    : filesUnder(join(SHARED, "corpus", "objects"), ".o");
  let same = 0;
  const explained = REASONS.map(() => 0);
  const unlisted: string[] = [];
  for (const path of paths) {
    const result = compareObject(path, sharedName(path));
    same += result.same;
    result.explained.forEach((count, i) => explained[i] += count);
    unlisted.push(...result.unlisted);
  }
  for (const line of unlisted.slice(0, 20)) console.log(line);
  console.log(
    `${paths.length} objects: ${same} lines equal, ${unlisted.length} unlisted differences`,
  );
  REASONS.forEach(({ why }, i) => console.log(`${explained[i]} deliberate: ${why}`));
  if (unlisted.length > 0) Deno.exit(1);
}

if (import.meta.main) main();
