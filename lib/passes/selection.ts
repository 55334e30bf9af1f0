/**
 * Passes as text: `name` or `name(key=value, …)`.
 *
 * @module
 */

import { EpassError, invariant } from "../errors.ts";
import type { Pass } from "./pass.ts";

/** A pass with the options given to it. */
export interface PassUse {
  /** The pass. */
  readonly pass: Pass;
  /** Values by option name; an option that is not in it has its default. */
  readonly options: ReadonlyMap<string, number>;
}

const FORM = /^\s*([a-z0-9-]+)\s*(?:\(([^()]*)\))?\s*$/;

function parseOption(pass: Pass, text: string): [string, number] {
  const [name, value, ...rest] = text.split("=").map((part) => part.trim());
  const option = pass.options.find((option) => option.name === name);
  if (option === undefined) {
    const known = pass.options.map((option) => option.name).join(", ");
    throw new EpassError(
      `cannot set ${name} of pass ${pass.name}: its options are ${known === "" ? "none" : known}`,
    );
  }
  if (value === undefined || rest.length > 0 || !/^-?\d{1,9}$/.test(value)) {
    throw new EpassError(`cannot set ${name} of pass ${pass.name}: expected ${name}=NUMBER`);
  }
  return [name, Number(value)];
}

/**
 * Reads one pass.
 *
 * @param text `name` or `name(key=value, …)`.
 * @param passes The passes that there are.
 * @returns The pass with its options.
 * @throws {EpassError} If there is no such pass or option.
 */
export function parsePass(text: string, passes: readonly Pass[]): PassUse {
  const match = FORM.exec(text);
  if (match === null) {
    throw new EpassError(`cannot read pass ${text}: expected name or name(key=value, …)`);
  }
  const pass = passes.find(({ name }) => name === match[1]);
  if (pass === undefined) {
    throw new EpassError(`cannot find pass ${match[1]}: --list-passes prints what there is`);
  }
  const given = (match[2] ?? "").trim();
  const options = given === "" ? [] : given.split(",").map((part) => parseOption(pass, part));
  return { pass, options: new Map(options) };
}

/**
 * Reads a list of passes.
 *
 * @param text Passes in the form of {@link parsePass}, separated by commas or blanks.
 * @param passes The passes that there are.
 * @returns The passes with their options.
 * @throws {EpassError} If one is not known.
 */
export function parsePasses(text: string, passes: readonly Pass[]): PassUse[] {
  const parts = text.match(/[^\s,()]+(?:\s*\([^()]*\))?|[()]/g) ?? [];
  return parts.map((part) => parsePass(part, passes));
}

/**
 * A pass in the form that {@link parsePass} reads.
 *
 * @param use The pass with its options.
 * @returns The text.
 */
export function printPass({ pass, options }: PassUse): string {
  const given = [...options].map(([name, value]) => `${name}=${value}`).join(", ");
  return given === "" ? pass.name : `${pass.name}(${given})`;
}

/**
 * The value of an option.
 *
 * @param use The pass with its options.
 * @param name The option.
 * @returns The value given, or the default.
 */
export function optionOf({ pass, options }: PassUse, name: string): number {
  const option = pass.options.find((option) => option.name === name);
  invariant(option !== undefined, `pass ${pass.name} has no option ${name}`);
  return options.get(name) ?? option.value;
}
