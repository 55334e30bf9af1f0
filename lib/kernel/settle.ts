/**
 * A rewrite that the kernel takes: of what it refuses, the function where the verifier stopped goes without the pass that
 * spoiled it; if that does not help it goes back to the original; then the whole program does. Programs that take the
 * verifier much longer than before are treated likewise: small changes move the places where it compares states.
 *
 * @module
 */

import { linkFunction } from "../object/link.ts";
import { loadProgram } from "../object/load.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import type { Kernel, KernelLoadOptions } from "./kernel.ts";
import type { Verdict } from "./verdict.ts";
import { isWorse, verdictOn, verifyPrograms, type VerifyRow } from "./verify.ts";

/** What a rewrite does without. */
export interface RewriteLimits {
  /** Functions to carry verbatim, by their index, each with the reason. */
  readonly verbatim: ReadonlyMap<number, string>;
  /** Names of passes that functions go without, by the index of the function. */
  readonly without: ReadonlyMap<number, ReadonlySet<string>>;
}

/** A rewrite and what the kernel says of it. */
export interface Settled extends RewriteLimits {
  /** Why functions go without passes, a line each. */
  readonly notes: readonly string[];
  /** The verdicts on the programs with these limits, beside the originals'. */
  readonly rows: readonly VerifyRow[];
  /** Whether every program is accepted that was before. */
  readonly accepted: boolean;
}

/** How to settle a rewrite. */
export interface SettleOptions extends KernelLoadOptions {
  /** Names of the passes of the rewrite, in order; none by default. */
  readonly passes?: readonly string[] | undefined;
}

/** Times as many instructions as for the original that the verifier may process. */
const MOST_WORK = 1.1;

/** Functions of a program that are tried without passes to make it lighter, the largest ones. */
const MOST_LIGHTENED = 4;

/** The work on one rewrite. */
class Settlement {
  readonly verbatim = new Map<number, string>();
  readonly without = new Map<number, ReadonlySet<string>>();
  readonly notes: string[] = [];
  readonly #kernel: Kernel;
  readonly #program: Program;
  readonly #rewrite: (limits: RewriteLimits) => Uint8Array;
  readonly #options: SettleOptions;
  /** Names of passes, each once, in the order of their first run. */
  readonly #passes: readonly string[];
  /** Programs that were made lighter as far as leaving out a pass does it. */
  readonly #lightened = new Set<string>();

  constructor(
    kernel: Kernel,
    program: Program,
    rewrite: (limits: RewriteLimits) => Uint8Array,
    options: SettleOptions,
  ) {
    this.#kernel = kernel;
    this.#program = program;
    this.#rewrite = rewrite;
    this.#options = options;
    this.#passes = [...new Set(options.passes ?? [])];
  }

  #rewritten(limits: RewriteLimits): Program {
    return loadProgram(this.#rewrite(limits), { from: this.#program.format });
  }

  /** Limits the rewrite until the kernel takes it, or nothing is left to limit. */
  run(): Settled {
    const { verbatim, without, notes } = this;
    // Only the rewrites differ from round to round.
    const originals = new Map<string, Verdict>();
    for (;;) {
      const rewritten = this.#rewritten(this);
      const rows = verifyPrograms(
        this.#kernel,
        rewritten,
        this.#program,
        undefined,
        this.#options,
        originals,
      );
      const refused = rows.filter(isWorse);
      const limited = refused.filter(({ verdict }) => this.#limit(rewritten, verdict));
      const lighter = refused.length > 0
        ? []
        : rows.filter(isHeavy).filter((row) => this.#lighten(rewritten, row));
      if (limited.length + lighter.length === 0) {
        return { verbatim, without, notes, rows, accepted: refused.length === 0 };
      }
    }
  }

  /** Limits what a refused program is made of, a step further than before; returns whether there was one. */
  #limit(rewritten: Program, verdict: Verdict): boolean {
    const root = rootOf(rewritten, verdict);
    if (root === undefined) return false;
    const { starts } = linkFunction(rewritten, root);
    const pc = verdict.failure?.pc ?? -1;
    let failing = root;
    for (const [start, fn] of starts) if (start <= pc) failing = fn;
    if (this.#leaveOutPass(root, failing, verdict)) return true;
    const functions = this.verbatim.has(failing.index) ? [...starts.values()] : [failing];
    const left = functions.filter(({ index }) => !this.verbatim.has(index));
    for (const { index } of left) {
      this.verbatim.set(index, `the kernel refuses ${verdict.program}: ${verdict.reason}`);
    }
    return left.length > 0;
  }

  /**
   * Leaves out the pass without which the kernel takes the program; if none alone is to blame, all from the first on after
   * which it refuses.
   */
  #leaveOutPass(root: ProgramFunction, failing: ProgramFunction, verdict: Verdict): boolean {
    const { index, name } = failing;
    const passes = this.#passes;
    if (passes.length === 0 || this.without.has(index) || this.verbatim.has(index)) return false;
    const accepts = (names: readonly string[]): boolean =>
      this.#acceptsWithout(root, index, new Set(names), verdict.type);
    let good = 0, bad = passes.length;
    if (!accepts(passes)) return false;
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (accepts(passes.slice(middle))) good = middle;
      else bad = middle;
    }
    const alone = [passes[good]];
    const names = accepts(alone) ? alone : passes.slice(good);
    this.without.set(index, new Set(names));
    this.notes.push(
      `${name} goes without ${
        names.join(", ")
      }: the kernel refuses ${verdict.program}: ${verdict.reason}`,
    );
    return true;
  }

  /** Whether the kernel takes a program if one function goes without some passes. */
  #acceptsWithout(
    root: ProgramFunction,
    index: number,
    names: ReadonlySet<string>,
    type: string,
  ): boolean {
    return this.#judgeWithout(root, index, names, type).accepted;
  }

  #judgeWithout(
    root: ProgramFunction,
    index: number,
    names: ReadonlySet<string>,
    type: string,
  ): Verdict {
    const without = new Map(this.without).set(index, names);
    const rewritten = this.#rewritten({ verbatim: this.verbatim, without });
    const fn = rewritten.functions[root.index];
    return verdictOn(this.#kernel, rewritten, fn, { ...this.#options, type });
  }

  /**
   * Makes a program that the kernel accepts lighter: one of its functions goes without a pass, else all go back to the
   * original. Returns whether there was a step to take.
   */
  #lighten(rewritten: Program, { verdict, original }: VerifyRow): boolean {
    const root = rootOf(rewritten, verdict);
    if (root === undefined || original === null) return false;
    const functions = [...linkFunction(rewritten, root).starts.values()]
      .filter(({ index }) => !this.verbatim.has(index))
      .sort((a, b) => sizeOf(b) - sizeOf(a));
    if (functions.length === 0) return false;
    const key = `${verdict.section} ${verdict.program}`;
    const most = MOST_WORK * original.statistics.processed;
    const work = `${original.statistics.processed} -> ${verdict.statistics.processed}`;
    const why = `the verifier processes more of ${verdict.program}: ${work}`;
    if (!this.#lightened.has(key)) {
      this.#lightened.add(key);
      for (const fn of functions.slice(0, MOST_LIGHTENED)) {
        if (this.#lightenBy(root, fn, verdict, most, why)) return true;
      }
    }
    for (const { index } of functions) this.verbatim.set(index, why);
    return true;
  }

  /** Leaves the first pass out of a function without which a program is light enough; returns whether there is one. */
  #lightenBy(
    root: ProgramFunction,
    { index, name }: ProgramFunction,
    { type }: Verdict,
    most: number,
    why: string,
  ): boolean {
    const before = this.without.get(index) ?? new Set<string>();
    for (const pass of this.#passes) {
      if (before.has(pass)) continue;
      const names = new Set([...before, pass]);
      const { accepted, statistics } = this.#judgeWithout(root, index, names, type);
      if (!accepted || statistics.processed > most) continue;
      this.without.set(index, names);
      this.notes.push(`${name} goes without ${pass}: ${why}`);
      return true;
    }
    return false;
  }
}

/** Whether the verifier has much more work than with the original. */
function isHeavy({ verdict, original }: VerifyRow): boolean {
  return original !== null && original.accepted && verdict.accepted &&
    verdict.statistics.processed > MOST_WORK * original.statistics.processed;
}

const sizeOf = ({ first, last }: ProgramFunction): number => last - first;

/** The function that a verdict is about. */
function rootOf(program: Program, verdict: Verdict): ProgramFunction | undefined {
  return program.functions.find(({ name, section }) =>
    name === verdict.program && section.name === verdict.section
  );
}

/**
 * Rewrites a program so that the kernel accepts all that it accepted before.
 *
 * @param kernel The kernel.
 * @param program The original.
 * @param rewrite Rewrites it within limits, in the format of the original.
 * @param options How to load its programs, and the passes of the rewrite.
 * @returns Within which limits.
 */
export function settleRewrite(
  kernel: Kernel,
  program: Program,
  rewrite: (limits: RewriteLimits) => Uint8Array,
  options: SettleOptions = {},
): Settled {
  return new Settlement(kernel, program, rewrite, options).run();
}
