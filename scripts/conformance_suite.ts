/**
 * The conformance programs: reading them, running them, and judging the result. A file has sections: `-- asm` in the
 * mnemonic syntax or `-- raw` (one u64 a line), `-- mem` (the context as hex bytes), and `-- result` (r0) or `-- error`.
 * Our own programs also use `-- order` (`big`), `-- packet` (hex bytes) and, in `-- error`, the kind of the fault.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../lib/compile.ts";
import { ParseError } from "../lib/errors.ts";
import { assemble } from "../lib/isa/assemble.ts";
import { decode, encode } from "../lib/isa/codec.ts";
import type { Instruction } from "../lib/isa/instruction.ts";
import { loadProgram } from "../lib/object/load.ts";
import { parseDump } from "../lib/object/text_formats.ts";
import { type RunResult, Vm, type VmOptions } from "../lib/vm/vm.ts";

/** A conformance program. */
export interface ConformanceCase {
  /** Name of its file, without the extension. */
  readonly name: string;
  /** Its sections by name. */
  readonly sections: ReadonlyMap<string, string>;
  /** Its instructions. */
  readonly insns: Instruction[];
}

/** The outcome of a suite. */
export interface SuiteResult {
  /** How many programs were run. */
  readonly total: number;
  /** One line for each that failed. */
  readonly failures: readonly string[];
}

/** Changes the code of a program; the result must behave like the input. */
export type Rewrite = (insns: readonly Instruction[]) => Instruction[];

/**
 * Lifts code to SSA and emits it again. A function that cannot be lifted stays as it is.
 *
 * @param insns The code of a raw program.
 * @returns Its code after the round trip.
 */
export function rewriteRaw(insns: readonly Instruction[]): Instruction[] {
  const program = loadProgram(encode(insns), { from: "raw" });
  return decode(compileProgram(program, { check: true }).bytes);
}

/**
 * Parses bytes in hexadecimal.
 *
 * @param text Pairs of digits, with or without white space between them.
 * @returns The bytes.
 * @throws {ParseError} If it is anything else.
 */
export function parseHexBytes(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, "");
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) {
    throw new ParseError("cannot parse bytes: not pairs of hexadecimal digits");
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/**
 * Parses a conformance program.
 *
 * @param name Its name.
 * @param text The content of its file.
 * @returns The program.
 */
export function parseCase(name: string, text: string): ConformanceCase {
  const sections = new Map<string, string>();
  let current = "";
  for (const line of text.split("\n")) {
    const header = /^-- (.*?)\s*$/.exec(line);
    if (header !== null) sections.set(current = header[1], "");
    else if (current !== "") sections.set(current, sections.get(current)! + line + "\n");
  }
  const asm = sections.get("asm");
  const insns = asm === undefined
    ? decode(parseDump(sections.get("raw") ?? ""))
    : assemble(asm, { syntax: "mnemonic", input: name }).insns;
  return { name, sections, insns };
}

/**
 * Reads the programs of a folder.
 *
 * @param folder Its path.
 * @returns The programs by name.
 */
export function readSuite(folder: string): ConformanceCase[] {
  return readdirSync(folder).filter((file) => file.endsWith(".data")).sort().map((file) =>
    parseCase(file.replace(/\.data$/, ""), readFileSync(join(folder, file), "utf8"))
  );
}

/** Runs a program as the suite demands: helper 5 returns its first argument. */
function runCase(
  { sections, insns }: ConformanceCase,
  rewrite: Rewrite | null,
  options: VmOptions,
): RunResult {
  const code = rewrite === null ? insns : rewrite(insns);
  const program = loadProgram(encode(code), { from: "raw" });
  const vm = Vm.loadSync(sections.has("order") ? { ...program, order: "big" } : program, options);
  vm.registerHelper(5, (_context, r1) => r1);
  const packet = sections.get("packet");
  return vm.run({
    context: parseHexBytes(sections.get("mem") ?? ""),
    limit: 10_000_000,
    ...(packet === undefined ? {} : { packet: parseHexBytes(packet) }),
  });
}

/** What is wrong with the result of a program; empty if nothing is. */
function judge({ sections }: ConformanceCase, { returnValue, fault }: RunResult): string {
  const error = sections.get("error")?.trim();
  if (error !== undefined) {
    return fault === null
      ? `returned 0x${returnValue.toString(16)} instead of ${error}`
      : error === "" || fault.kind === error
      ? ""
      : `${fault.kind} instead of ${error}: ${fault.message}`;
  }
  if (fault !== null) return `${fault.kind} at ${fault.pc}: ${fault.message}`;
  const expected = BigInt.asUintN(64, BigInt((sections.get("result") ?? "").trim()));
  return returnValue === expected
    ? ""
    : `returned 0x${returnValue.toString(16)} instead of 0x${expected.toString(16)}`;
}

/**
 * Runs programs.
 *
 * @param cases The programs.
 * @param rewrite Changes their code first; null to run them as they are.
 * @param options Of the sandbox: its engine and level.
 * @returns How many ran and which failed.
 */
export function runSuite(
  cases: readonly ConformanceCase[],
  rewrite: Rewrite | null = null,
  options: VmOptions = {},
): SuiteResult {
  const failures: string[] = [];
  for (const program of cases) {
    const problem = judge(program, runCase(program, rewrite, options));
    if (problem !== "") failures.push(`${program.name}: ${problem}`);
  }
  return { total: cases.length, failures };
}
