/**
 * Finds a function by the name that a user gives.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { Program, ProgramFunction } from "./program.ts";

/** Most names that a message lists. */
const MAX_NAMES = 12;

/**
 * Finds a function.
 *
 * @param program The program.
 * @param name Its name, or the name of the section that holds no other.
 * @returns The function.
 * @throws {EpassError} If there is none; the message lists what there is.
 */
export function findFunction(program: Program, name: string): ProgramFunction {
  const named = program.functions.find((fn) => fn.name === name);
  if (named !== undefined) return named;
  const inSection = program.functions.filter((fn) => fn.section.name === name && !fn.subprogram);
  if (inSection.length === 1) return inSection[0];
  const names = program.functions.map((fn) => fn.name);
  const listed = names.slice(0, MAX_NAMES).join(", ") + (names.length > MAX_NAMES ? ", …" : "");
  throw new EpassError(
    `cannot find function ${name}: ${listed === "" ? "there is none" : `there are ${listed}`}`,
  );
}
