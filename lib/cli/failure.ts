/**
 * How failures are told: one line first, where the fault lies, and the exit status.
 *
 * @module
 */

import { EpassError, type ErrorPlace } from "../errors.ts";

/** Exit status: what scripts may rely on. */
export const EXIT = { done: 0, input: 1, usage: 2, defect: 70 } as const;

/** The command line is wrong. */
export class UsageError extends Error {
  override name = "UsageError";
}

/**
 * @param error What was thrown.
 * @returns The exit status that tells whose fault it is.
 */
export function exitStatus(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  return error instanceof EpassError ? EXIT.input : EXIT.defect;
}

/** Text on one line: a name in a hostile input may hold line feeds and terminal escapes. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}

/** The input and line of a place, as compilers write it: `main.s:3:5: `. */
function origin(place: ErrorPlace): string {
  const parts = [place.input, place.line, place.line === undefined ? undefined : place.column];
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0
    ? ""
    : printable(`${place.input === undefined ? "line " : ""}${known.join(":")}: `);
}

/** The rest of a place, in words. */
function position(place: ErrorPlace): string {
  const parts: string[] = [];
  if (place.function) parts.push(`function ${place.function}`);
  if (place.section) parts.push(`section ${place.section}`);
  if (place.pc !== undefined) parts.push(`instruction at slot ${place.pc}`);
  if (place.offset !== undefined) parts.push(`offset ${place.offset}`);
  return parts.length === 0 ? "" : `\n  at ${printable(parts.join(", "))}`;
}

/**
 * @param error What was thrown.
 * @returns The message, which names the fault in its first line; with a stack trace only for a defect of epass.
 */
export function failureText(error: unknown): string {
  if (error instanceof UsageError) return `epass: ${error.message}`;
  if (error instanceof EpassError) {
    return `epass: ${origin(error.place)}${printable(error.message)}${position(error.place)}`;
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return `epass: internal error: ${message}\n` +
    `This is a defect of epass. Please report it with the command, the input and these lines:\n${stack}`;
}
