/**
 * What every subcommand is given and what several of them share: input, format and function flags.
 *
 * @module
 */

import type {
  ApplicationContext,
  TypedFlagParameter,
  TypedPositionalParameters,
} from "@stricli/core";
import { EpassError } from "../errors.ts";
import type { Format, Program } from "../object/program.ts";
import { UsageError } from "./failure.ts";
import type { Host } from "./host.ts";

/** The context of a subcommand. */
export interface CliContext extends ApplicationContext {
  /** Files and standard streams. */
  readonly host: Host;
}

/** The formats by name. */
export const FORMATS: readonly Format[] = ["elf", "linked", "dump", "raw", "hex", "asm", "epir"];

/** The flag `--from`. */
export const fromFlag: TypedFlagParameter<Format | undefined, CliContext> = {
  kind: "enum",
  values: FORMATS,
  optional: true,
  brief: "Format of the input (by default guessed from its content)",
};

/** The flag `--to`. */
export const toFlag: TypedFlagParameter<Format | undefined, CliContext> = {
  kind: "enum",
  values: FORMATS,
  optional: true,
  brief: "Format of the output (by default that of the input)",
};

/** The flag `--output`, `-o`. */
export const outputFlag: TypedFlagParameter<string, CliContext> = {
  kind: "parsed",
  parse: String,
  default: "-",
  placeholder: "OUT",
  brief: "File to write, - for standard output",
};

/** The flag `--prog`. */
export const progFlag: TypedFlagParameter<string | undefined, CliContext> = {
  kind: "parsed",
  parse: String,
  optional: true,
  placeholder: "NAME",
  brief: "Only this function",
};

/** The flag `--json`. */
export const jsonFlag: TypedFlagParameter<boolean, CliContext> = {
  kind: "boolean",
  default: false,
  withNegated: false,
  brief: "Print JSON on standard output",
};

/** The only positional argument of most subcommands. */
export const inputArgument: TypedPositionalParameters<[string], CliContext> = {
  kind: "tuple",
  parameters: [{ parse: String, placeholder: "IN", brief: "Input file, - for standard input" }],
};

/**
 * Reads a program.
 *
 * @param host Where to read.
 * @param input Name of the file, or `-`.
 * @param from Its format, if it is not to be guessed.
 * @returns The program.
 * @throws {EpassError} If it cannot be read or is malformed.
 */
export async function readInput(
  host: Host,
  input: string,
  from: Format | undefined,
): Promise<Program> {
  const { readProgram } = await import("./library.ts");
  const bytes = await host.read(input);
  return readProgram(bytes, from === undefined ? { input } : { input, from });
}

/**
 * Reads the bytes that an argument gives.
 *
 * @param host Where to read.
 * @param flag Name of the argument, for messages.
 * @param value A file, or `hex:` and digits.
 * @returns The bytes.
 * @throws {UsageError} If the digits are not pairs of hexadecimal ones.
 */
export async function bytesArgument(host: Host, flag: string, value: string): Promise<Uint8Array> {
  if (!value.startsWith("hex:")) return await host.read(value);
  const digits = value.slice(4).replace(/\s+/g, "");
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(digits)) {
    throw new UsageError(`cannot read ${flag} ${value}: expected pairs of hexadecimal digits`);
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/**
 * Parses a count.
 *
 * @param text A whole number, its digits perhaps grouped by `_`.
 * @returns The number.
 * @throws {Error} If it is none.
 */
export function parseCount(text: string): number {
  const count = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(count) || count < 0) throw new Error("expected a whole number");
  return count;
}

/**
 * Runs a step of a subcommand so that what it throws names the input.
 *
 * @param input Name of the input.
 * @param step The step.
 * @returns What it returns.
 * @throws {EpassError} What it throws, with the input in its place.
 */
export function naming<T>(input: string, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof EpassError) || error.place.input !== undefined) throw error;
    throw new EpassError(error.message, { ...error.place, input });
  }
}

/**
 * @param value Any value without cycles.
 * @returns It as JSON, with a line feed.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2) + "\n";
}

/**
 * @param text Any text.
 * @returns It as UTF-8.
 */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/**
 * Tells what an output could not hold.
 *
 * @param host Where to tell it.
 * @param input Name of the input.
 * @param notes One line each.
 */
export async function reportNotes(
  host: Host,
  input: string,
  notes: readonly string[],
): Promise<void> {
  for (const note of notes) await host.warn(`epass: ${input}: note: ${note}\n`);
}
