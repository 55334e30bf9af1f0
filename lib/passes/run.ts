/**
 * Runs passes over a function, and tells an observer of each.
 *
 * @module
 */

import { assertValid } from "../ir/check.ts";
import type { IrFunction } from "../ir/function.ts";
import type { PassEnvironment } from "./pass.ts";
import { optionOf, type PassUse } from "./selection.ts";

/** Who looks on. */
export interface PassObserver {
  /**
   * Called after each pass.
   *
   * @param use The pass.
   * @param fn The function as it is now.
   * @param changed Whether the pass changed it.
   * @param milliseconds How long it took.
   */
  after?(use: PassUse, fn: IrFunction, changed: boolean, milliseconds: number): void;
  /**
   * Called for what a pass counts.
   *
   * @param use The pass.
   * @param what What was done.
   * @param times How often.
   */
  count?(use: PassUse, what: string, times: number): void;
}

/** How to run passes. */
export interface RunOptions {
  /** Whether to check the function after each pass. */
  readonly check?: boolean;
  /** Who looks on. */
  readonly observer?: PassObserver;
}

/**
 * Runs passes in order.
 *
 * @param fn A valid function; it is changed.
 * @param uses The passes.
 * @param environment What is known of the program and of its machine.
 * @param options How to run them.
 * @returns Whether any of them changed the function.
 */
export function runPasses(
  fn: IrFunction,
  uses: readonly PassUse[],
  environment: PassEnvironment,
  { check = false, observer = {} }: RunOptions = {},
): boolean {
  let changed = false;
  for (const use of uses) {
    const start = observer.after === undefined ? 0 : performance.now();
    const did = use.pass.run(fn, {
      ...environment,
      option: (name) => optionOf(use, name),
      count: (what, times = 1) => observer.count?.(use, what, times),
    });
    if (observer.after !== undefined) observer.after(use, fn, did, performance.now() - start);
    if (check) assertValid(fn);
    changed ||= did;
  }
  return changed;
}
