/**
 * `epass verify`: the running kernel's verdict.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { Verdict } from "../kernel/verdict.ts";
import type { VerifyRow } from "../kernel/verify.ts";
import type { Format } from "../object/program.ts";
import { columns } from "./columns.ts";
import {
  type CliContext,
  fromFlag,
  inputArgument,
  jsonFlag,
  jsonText,
  progFlag,
  readInput,
  utf8,
} from "./context.ts";
import { EXIT } from "./failure.ts";
import { switchFlag, textFlag } from "./flags.ts";
import {
  KERNEL_NEEDS,
  type KernelFlags,
  kernelFlags,
  kernelOptions,
  withKernel,
} from "./kernel_flags.ts";

interface Flags extends KernelFlags {
  readonly against?: string;
  readonly prog?: string;
  readonly from?: Format;
  readonly log: boolean;
  readonly json: boolean;
}

/** Ranges of a path that are shown, the last ones. */
const SHOWN_RANGES = 8;

const HEAD = [
  "program",
  "section",
  "type",
  "verdict",
  "instructions",
  "processed",
  "peak states",
  "xlated bytes",
  "jited bytes",
  "microseconds",
];

/** A number beside that of the original, with the difference. */
function sideBySide(now: number, before: number | undefined): string {
  if (before === undefined || before === now) return String(now);
  const sign = now > before ? "+" : "-";
  const change = before === 0 ? "" : ` (${sign}${(Math.abs(now / before - 1) * 100).toFixed(1)} %)`;
  return `${before} -> ${now}${change}`;
}

const word = ({ accepted }: Verdict): string => accepted ? "accepted" : "refused";

function cells({ verdict, original }: VerifyRow): string[] {
  const pair = (of: (v: Verdict) => number): string =>
    sideBySide(of(verdict), original === null ? undefined : of(original));
  const was = original === null || original.accepted === verdict.accepted
    ? ""
    : `${word(original)} -> `;
  return [
    verdict.program,
    verdict.section,
    verdict.type,
    was + word(verdict),
    pair((v) => v.instructions),
    pair((v) => v.statistics.processed),
    pair((v) => v.statistics.peakStates),
    pair((v) => v.xlatedBytes),
    pair((v) => v.jitedBytes),
    String(verdict.statistics.time),
  ];
}

/** Words in which those that follow themselves are told by number. */
function folded(words: readonly string[]): string[] {
  const runs: { readonly word: string; times: number }[] = [];
  for (const word of words) {
    const run = runs.at(-1);
    if (run?.word === word) run.times++;
    else runs.push({ word, times: 1 });
  }
  return runs.map(({ word, times }) => times === 1 ? word : `${word} (${times} times)`);
}

/** Why a program was refused, in a few lines. */
function refusalLines({ program, reason, failure }: Verdict): string[] {
  const lines = ["", `${program}: ${reason}`];
  if (failure === null || failure.pc < 0) return lines;
  lines.push(`  at slot ${failure.pc}: ${failure.instruction}`);
  const place = failure.location === "" ? "source" : failure.location;
  if (failure.source !== "") lines.push(`  ${place}: ${failure.source}`);
  const ranges = folded(
    failure.path.map(({ first, last }) => first === last ? `${first}` : `${first}-${last}`),
  );
  const shown = ranges.slice(-SHOWN_RANGES).join(", ");
  lines.push(`  path: ${ranges.length > SHOWN_RANGES ? "…, " : ""}${shown}`);
  return lines;
}

function reportText(rows: readonly VerifyRow[], log: boolean): string {
  const lines = columns([HEAD, ...rows.map(cells)]);
  for (const { verdict } of rows) {
    if (!verdict.accepted) lines.push(...refusalLines(verdict));
    if (log && verdict.log !== "") {
      lines.push("", `${verdict.program}: log:`, verdict.log.trimEnd());
    }
  }
  return lines.join("\n") + "\n";
}

/** A verdict as `--json` prints it. */
function verdictJson(verdict: Verdict, log: boolean): Record<string, unknown> {
  const { statistics, log: text, ...about } = verdict;
  return { ...about, ...statistics, ...(log ? { log: text } : {}) };
}

function reportJson(rows: readonly VerifyRow[], log: boolean): string {
  const programs = rows.map(({ verdict, original }) => ({
    ...verdictJson(verdict, log),
    ...(original === null ? {} : { original: verdictJson(original, log) }),
  }));
  return jsonText({ programs });
}

async function verify(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { host } = this;
  const { isWorse, verifyPrograms } = await import("./library.ts");
  const program = await readInput(host, input, flags.from);
  const original = flags.against === undefined
    ? null
    : await readInput(host, flags.against, undefined);
  const options = { ...await kernelOptions(host, flags), log: flags.log };
  const rows = await withKernel(
    input,
    (kernel) => verifyPrograms(kernel, program, original, flags.prog, options),
  );
  await host.write("-", utf8((flags.json ? reportJson : reportText)(rows, flags.log)));
  this.process.exitCode = rows.some(isWorse) ? EXIT.input : EXIT.done;
}

/** The subcommand. */
export const verifyCommand: Command<CliContext> = buildCommand({
  func: verify,
  parameters: {
    flags: {
      against: textFlag("ORIGINAL", "Another version of the input to compare with"),
      prog: progFlag,
      from: fromFlag,
      ...kernelFlags,
      log: switchFlag("Print the verifier's whole log"),
      json: jsonFlag,
    },
    positional: inputArgument,
  },
  docs: {
    brief: "Ask the running kernel's verifier",
    fullDescription:
      `Loads each program by itself and prints the kernel's verdict, the verifier's work and the sizes; for a
refusal the failing instruction, its source line, the reason and the path to it as ranges of slots. Status
1 if a program is refused, with --against only if its original is accepted.
${KERNEL_NEEDS}`,
  },
});
