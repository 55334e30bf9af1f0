/**
 * The programs of the corpus that the baseline tables call accepted.
 *
 * @module
 */

import { EpassError } from "../lib/errors.ts";
import { Kernel, type KernelLoadOptions } from "../lib/kernel/kernel.ts";
import { type MapFile, parseMapFile } from "../lib/object/map_file.ts";
import type { Program, ProgramFunction } from "../lib/object/program.ts";
import { summaryLine } from "./tally.ts";

/** A program that the baseline table calls accepted. */
export interface Row {
  /** Path of its file below {@link CORPUS}. */
  readonly input: string;
  /** Its name; empty for the first function. */
  readonly program: string;
  /** How to load it. */
  readonly options: KernelLoadOptions;
}

/** The folder of the corpus. */
export const CORPUS: string = `${Deno.env.get("EPASS_SHARED") ?? "../shared"}/corpus`;

/** The rows of a table, by column name. */
function table(path: string): Record<string, string>[] {
  const [head, ...lines] = Deno.readTextFileSync(path).trimEnd().split("\n");
  const names = head.split("\t");
  return lines.map((line) =>
    Object.fromEntries(line.split("\t").map((cell, i) => [names[i], cell]))
  );
}

/** @returns The programs of the objects. */
export function objectRows(): Row[] {
  return table(`${CORPUS}/objects.baseline.tsv`).filter((row) => row.result === "accept")
    .map(({ obj, prog, type, guessed }) => ({
      input: `objects/${obj}`,
      program: prog,
      options: guessed === "1" ? { type } : {},
    }));
}

/** @returns The programs of the Falco dumps. */
export function dumpRows(): Row[] {
  const file: MapFile = parseMapFile(Deno.readTextFileSync(`${CORPUS}/dumps/falco.maps.json`));
  return table(`${CORPUS}/dumps/falco.baseline.tsv`).filter((row) => row.result === "accept")
    .map(({ prog, attach_tracepoint }) => ({
      input: `dumps/falco/${prog}.txt`,
      program: "",
      options: { file, attach: attach_tracepoint },
    }));
}

/**
 * Finds the function of a row.
 *
 * @param program Its input.
 * @param name Its name; empty for the first function.
 * @returns The function.
 * @throws {EpassError} If there is none.
 */
export function functionOf(program: Program, name: string): ProgramFunction {
  const fn = name === "" ? program.functions[0] : program.functions.find((f) => f.name === name);
  if (fn === undefined) throw new EpassError(`cannot find ${name}`);
  return fn;
}

/**
 * Opens the kernel, or ends the script as one skipped check where that is not possible.
 *
 * @returns The kernel.
 */
export function openKernel(): Kernel {
  try {
    return new Kernel();
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    console.log(`skipped: ${error.message}`);
    console.log(summaryLine({ passed: 0, failed: 0, skipped: 1 }));
    Deno.exit(0);
  }
}
