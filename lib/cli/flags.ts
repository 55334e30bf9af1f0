/**
 * Flags by what they take, for the definitions of subcommands.
 *
 * @module
 */

import type { TypedFlagParameter } from "@stricli/core";
import { type CliContext, parseCount } from "./context.ts";

/**
 * A flag that takes text, absent by default.
 *
 * @param placeholder What it takes, in the usage.
 * @param brief What it does.
 * @returns The flag.
 */
export function textFlag(
  placeholder: string,
  brief: string,
): TypedFlagParameter<string | undefined, CliContext> {
  return { kind: "parsed", parse: String, optional: true, placeholder, brief };
}

/**
 * A flag that takes a number, absent by default.
 *
 * @param placeholder What it takes, in the usage.
 * @param brief What it does.
 * @returns The flag.
 */
export function countFlag(
  placeholder: string,
  brief: string,
): TypedFlagParameter<number | undefined, CliContext> {
  return { kind: "parsed", parse: parseCount, optional: true, placeholder, brief };
}

/**
 * A flag that takes a number and has one by default.
 *
 * @param placeholder What it takes, in the usage.
 * @param initial The default, as it would be written.
 * @param brief What it does.
 * @returns The flag.
 */
export function countFrom(
  placeholder: string,
  initial: string,
  brief: string,
): TypedFlagParameter<number, CliContext> {
  return { kind: "parsed", parse: parseCount, default: initial, placeholder, brief };
}

/**
 * A flag that takes nothing.
 *
 * @param brief What it does.
 * @returns The flag.
 */
export function switchFlag(brief: string): TypedFlagParameter<boolean, CliContext> {
  return { kind: "boolean", default: false, withNegated: false, brief };
}
