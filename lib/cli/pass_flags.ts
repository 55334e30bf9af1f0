/**
 * The flags that choose passes and tell what they did.
 *
 * @module
 */

import type { FlagParametersForType } from "@stricli/core";
import type { CompileOptions } from "../compile.ts";
import type { Level } from "../passes/pipeline.ts";
import type { PassObserver } from "../passes/run.ts";
import type { IrFunction } from "../ir/function.ts";
import type { CliContext } from "./context.ts";

/** Levels as `-O` spells them. */
const LEVELS = ["0", "1", "2", "3", "s"] as const;

/** The flags. */
export interface PassFlags {
  /** The level. */
  readonly optimize: typeof LEVELS[number];
  /** Passes instead of those of the level. */
  readonly passes?: string;
  /** Name of the pass after which to print; `all` for each. */
  readonly printAfter?: string;
  /** Whether to tell the time that passes took. */
  readonly timePasses: boolean;
  /** Whether to tell what passes did. */
  readonly stats: boolean;
}

/** Their definition for the argument parser. */
export const passFlags: FlagParametersForType<PassFlags, CliContext> = {
  optimize: {
    kind: "enum",
    values: LEVELS,
    default: "0",
    brief: "Level, also written -O2: 0 is the identity rewrite, s is for size",
  },
  passes: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "LIST",
    brief: "Passes to run instead, such as copy-propagation,dead-code(loads=0)",
  },
  printAfter: {
    kind: "parsed",
    parse: String,
    optional: true,
    placeholder: "PASS",
    brief: "Print the .epir of each function after this pass, or after all",
  },
  timePasses: {
    kind: "boolean",
    default: false,
    withNegated: false,
    brief: "Print the time that each pass took",
  },
  stats: {
    kind: "boolean",
    default: false,
    withNegated: false,
    brief: "Print what each pass did",
  },
};

/** What passes did, gathered over the functions of an input. */
interface Tally {
  runs: number;
  changes: number;
  milliseconds: number;
  readonly counts: Map<string, number>;
}

/** Looks on while passes run. */
export class PassLog implements PassObserver {
  readonly #flags: PassFlags;
  readonly #printFunction: (fn: IrFunction) => string;
  readonly #tallies = new Map<string, Tally>();
  #printed = "";

  /**
   * @param flags The flags.
   * @param printFunction Prints a function.
   */
  constructor(flags: PassFlags, printFunction: (fn: IrFunction) => string) {
    this.#flags = flags;
    this.#printFunction = printFunction;
  }

  #tally(name: string): Tally {
    let tally = this.#tallies.get(name);
    if (tally === undefined) {
      tally = { runs: 0, changes: 0, milliseconds: 0, counts: new Map() };
      this.#tallies.set(name, tally);
    }
    return tally;
  }

  after(...[use, fn, changed, milliseconds]: Parameters<NonNullable<PassObserver["after"]>>): void {
    const { name } = use.pass;
    const tally = this.#tally(name);
    tally.runs++;
    tally.milliseconds += milliseconds;
    if (changed) tally.changes++;
    const { printAfter } = this.#flags;
    if (printAfter === name || printAfter === "all") {
      this.#printed += `; ${fn.name} after ${name}\n${this.#printFunction(fn)}\n`;
    }
  }

  count(...[use, what, times]: Parameters<NonNullable<PassObserver["count"]>>): void {
    const { counts } = this.#tally(use.pass.name);
    counts.set(what, (counts.get(what) ?? 0) + times);
  }

  /** @returns What there is to tell, a line each; empty if nothing was asked for. */
  text(): string {
    let text = this.#printed;
    const { stats, timePasses } = this.#flags;
    if (!stats && !timePasses) return text;
    for (const [name, { runs, changes, milliseconds, counts }] of this.#tallies) {
      const time = timePasses ? `${milliseconds.toFixed(2).padStart(10)} ms  ` : "";
      const did = stats ? `changed ${changes} of ${runs}` : "";
      text += `${time}${name.padEnd(28)}${did}`.trimEnd() + "\n";
      if (!stats) continue;
      for (const [what, times] of counts) text += `${String(times).padStart(10)} ${what}\n`;
    }
    return text;
  }
}

/**
 * What the flags ask of the compiler.
 *
 * @param flags The flags.
 * @returns Options, and the log to be told when the input is done.
 * @throws {EpassError} If a pass is not known.
 */
export async function passOptions(
  flags: PassFlags,
): Promise<{ options: Pick<CompileOptions, "level" | "passes" | "observer">; log: PassLog }> {
  const { parsePasses, PASSES, printFunction } = await import("./library.ts");
  const { optimize, passes } = flags;
  const log = new PassLog(flags, printFunction);
  const level: Level = optimize === "s" ? "s" : Number(optimize) as Level;
  const logs = flags.stats || flags.timePasses || flags.printAfter !== undefined;
  return {
    options: {
      level,
      ...(passes === undefined ? {} : { passes: parsePasses(passes, PASSES) }),
      ...(logs ? { observer: log } : {}),
    },
    log,
  };
}

/**
 * Prints the passes with their options, and the lists of the levels.
 *
 * @param context Where to print.
 */
export async function listPasses(context: CliContext): Promise<void> {
  const { BPF_PIPELINES, PASSES, printPass, VM_PIPELINE } = await import("./library.ts");
  let text = "";
  for (const { name, summary, options } of PASSES) {
    text += `${name.padEnd(28)}${summary}\n`;
    for (const option of options) {
      text += `${`  ${option.name}=${option.value}`.padEnd(30)}${option.summary}\n`;
    }
  }
  for (const [level, uses] of Object.entries(BPF_PIPELINES)) {
    text += `-O${level}: ${uses.map(printPass).join(", ")}`.trimEnd() + "\n";
  }
  text += `virtual machine: ${VM_PIPELINE.map(printPass).join(", ")}\n`;
  await context.host.write("-", new TextEncoder().encode(text));
}
