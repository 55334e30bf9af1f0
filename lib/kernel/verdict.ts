/**
 * The kernel's verdict on a program.
 *
 * @module
 */

import { parseFailure, parseStatistics, type VerifierFailure } from "./verifier_log.ts";
import type { VerifierStatistics } from "./verifier_log.ts";

/** The verdict on one program. */
export interface Verdict {
  /** Its name. */
  readonly program: string;
  /** Its section; empty for streams. */
  readonly section: string;
  /** Program type that it was loaded as, lower case. */
  readonly type: string;
  /** The kernel took it. */
  readonly accepted: boolean;
  /** Why not; empty if it did. */
  readonly reason: string;
  /** Size as linked, subprograms included, in slots; 0 if it could not be linked. */
  readonly instructions: number;
  /** What the verifier did. */
  readonly statistics: VerifierStatistics;
  /** Bytes of the translated instructions; 0 if refused. */
  readonly xlatedBytes: number;
  /** Bytes of machine code; 0 if refused or without JIT. */
  readonly jitedBytes: number;
  /** Where the verifier stopped; null if accepted, or refused by something else. */
  readonly failure: VerifierFailure | null;
  /** The log. */
  readonly log: string;
}

/** What a load gave, before it is judged. */
export interface Attempt {
  /** Name of the program. */
  readonly program: string;
  /** Its section. */
  readonly section: string;
  /** Program type that it was loaded as. */
  readonly type: string;
  /** Size as linked in slots. */
  readonly instructions: number;
  /** What the loader says of a failure; empty for success. */
  readonly problem: string;
  /** The verifier's log. */
  readonly log: string;
  /** Sizes in the kernel; null if refused. */
  readonly sizes: { readonly xlatedBytes: number; readonly jitedBytes: number } | null;
}

/**
 * Judges a load.
 *
 * @param attempt What it gave.
 * @returns The verdict.
 */
export function judge(attempt: Attempt): Verdict {
  const { program, section, type, instructions, log, sizes } = attempt;
  const about = { program, section, type, instructions, log, statistics: parseStatistics(log) };
  if (sizes !== null) return { ...about, accepted: true, reason: "", failure: null, ...sizes };
  const failure = log === "" ? null : parseFailure(log);
  const reason = failure === null || failure.reason === "" ? attempt.problem : failure.reason;
  return { ...about, accepted: false, reason, failure, xlatedBytes: 0, jitedBytes: 0 };
}
