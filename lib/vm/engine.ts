/**
 * What runs the functions of a program.
 *
 * @module
 */

import type { Interpreter, Outcome } from "./interpreter.ts";
import type { PacketLoad } from "./packet_load.ts";

/** The engines by name. */
export const ENGINES = ["wasm", "interpreter"] as const;

/** What runs programs. */
export type EngineName = (typeof ENGINES)[number];

/** How far a run may go. */
export interface RunLimits {
  /** The most instructions to run. */
  readonly limit: number;
  /** When to stop, as `performance.now()` tells the time, in milliseconds; by default never. */
  readonly deadline?: number | undefined;
  /** What the legacy packet loads read. */
  readonly packet?: PacketLoad | undefined;
}

/** Runs the functions of one program. All engines give the same outcomes. */
export interface Engine {
  /**
   * Runs a function to its end.
   *
   * @param index Its index in the program.
   * @param args r1 to r5; missing ones are 0.
   * @param limits How far it may go.
   * @returns How it ended.
   */
  run(index: number, args: readonly bigint[], limits: RunLimits): Outcome;
}

/**
 * Runs functions on the interpreter.
 *
 * @param interpreter The interpreter.
 * @returns The engine.
 */
export function interpreterEngine(interpreter: Interpreter): Engine {
  return {
    run(index, args, { limit, deadline, packet }) {
      interpreter.start(index, args, limit, packet, deadline);
      return interpreter.run();
    },
  };
}
