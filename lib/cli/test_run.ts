/**
 * `epass test-run`: a program in the running kernel, on given or random inputs.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import { EpassError } from "../errors.ts";
import type { TestRunResult } from "../kernel/bpf_programs.ts";
import type { Comparison } from "../kernel/differential.ts";
import type { Format, Program, ProgramFunction } from "../object/program.ts";
import { columns } from "./columns.ts";
import {
  bytesArgument,
  type CliContext,
  fromFlag,
  inputArgument,
  jsonFlag,
  jsonText,
  naming,
  progFlag,
  readInput,
  utf8,
} from "./context.ts";
import { EXIT, UsageError } from "./failure.ts";
import { countFrom, textFlag } from "./flags.ts";
import type { Host } from "./host.ts";
import {
  KERNEL_NEEDS,
  type KernelFlags,
  kernelFlags,
  kernelOptions,
  withKernel,
} from "./kernel_flags.ts";

interface Flags extends KernelFlags {
  readonly prog?: string;
  readonly data?: string;
  readonly ctx?: string;
  readonly repeat: number;
  readonly against?: string;
  readonly count: number;
  readonly seed: number;
  readonly from?: Format;
  readonly json: boolean;
}

/** Differences that are shown. */
const SHOWN_DIFFERENCES = 10;

const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

/** The inputs that `--data` names: the packets of a capture file, or the bytes of any other. */
async function inputsOf(host: Host, data: string | undefined): Promise<Uint8Array[]> {
  if (data === undefined) return [];
  const { readPcap } = await import("./library.ts");
  const bytes = await bytesArgument(host, "--data", data);
  const capture = naming(data, () => readPcap(bytes));
  return capture === null ? [bytes] : capture.packets.map((packet) => packet.data);
}

function resultsText(results: readonly TestRunResult[]): string {
  const rows = results.map(({ returnValue, data, duration }, i) => [
    String(i),
    `0x${returnValue.toString(16)}`,
    `${duration} ns`,
    hexOf(data),
  ]);
  return columns([["input", "return value", "duration", "output"], ...rows]).join("\n") + "\n";
}

function resultsJson(results: readonly TestRunResult[]): string {
  return jsonText({
    results: results.map(({ returnValue, data, context, duration }) => ({
      returnValue,
      data: hexOf(data),
      context: hexOf(context),
      durationNs: duration,
    })),
  });
}

function comparisonText({ runs, unstable, maps, unstableMaps, differences }: Comparison): string {
  const lines = [
    `${runs} inputs run, ${maps} maps compared: ${differences.length} differences`,
    ...differences.slice(0, SHOWN_DIFFERENCES).map((difference) => `  ${difference}`),
  ];
  if (differences.length > SHOWN_DIFFERENCES) lines.push("  …");
  if (unstable > 0) lines.push(`the original differs from itself on ${unstable} inputs`);
  if (unstableMaps.length > 0) {
    lines.push(`the original differs from itself in ${unstableMaps.join(", ")}`);
  }
  return lines.join("\n") + "\n";
}

/** The function that `--prog` names, or the only program there is. */
async function chosen(program: Program, name: string | undefined): Promise<ProgramFunction> {
  const { findFunction, isSubprogram } = await import("./library.ts");
  if (name !== undefined) return findFunction(program, name);
  const programs = program.functions.filter((fn) => !isSubprogram(fn, program));
  if (programs.length === 1) return programs[0];
  const names = programs.map((fn) => fn.name).slice(0, 12).join(", ");
  throw new EpassError(`cannot choose a program: use --prog with one of ${names}`);
}

/** Runs the program on the inputs of the command line. */
async function runInputs(
  host: Host,
  flags: Flags,
  input: string,
  program: Program,
  fn: ProgramFunction,
): Promise<string> {
  const { testRun } = await import("./library.ts");
  const options = {
    ...await kernelOptions(host, flags),
    inputs: await inputsOf(host, flags.data),
    context: flags.ctx === undefined ? null : await bytesArgument(host, "--ctx", flags.ctx),
    repeat: flags.repeat,
  };
  const results = await withKernel(input, (kernel) => testRun(kernel, program, fn, options));
  return (flags.json ? resultsJson : resultsText)(results);
}

async function testRunCommandOf(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { host } = this;
  const program = await readInput(host, input, flags.from);
  const fn = await chosen(program, flags.prog);
  if (flags.against === undefined) {
    await host.write("-", utf8(await runInputs(host, flags, input, program, fn)));
    return;
  }
  if ((flags.data ?? flags.ctx) !== undefined) {
    throw new UsageError("cannot use --data or --ctx with --against: its inputs are random");
  }
  const { compareTestRuns } = await import("./library.ts");
  const { count, seed } = flags;
  const options = { ...await kernelOptions(host, flags), count, seed };
  const original = await readInput(host, flags.against, undefined);
  const before = { program: original, fn: await chosen(original, fn.name) };
  const compared = await withKernel(
    input,
    (kernel) => compareTestRuns(kernel, before, { program, fn }, options),
  );
  await host.write("-", utf8((flags.json ? jsonText : comparisonText)(compared)));
  this.process.exitCode = compared.differences.length > 0 ? EXIT.input : EXIT.done;
}

/** The subcommand. */
export const testRunCommand: Command<CliContext> = buildCommand({
  func: testRunCommandOf,
  parameters: {
    flags: {
      prog: progFlag,
      data: textFlag("FILE|hex:BYTES", "Packet, or a capture file (pcap) with several"),
      ctx: textFlag("FILE|hex:BYTES", "Bytes of the context"),
      repeat: countFrom("N", "1", "How often to run on each packet"),
      against: textFlag(
        "ORIGINAL",
        "Another version of the input to compare with, on random inputs",
      ),
      count: countFrom("N", "200", "How many random inputs"),
      seed: countFrom("S", "1", "Seed of the random inputs"),
      from: fromFlag,
      ...kernelFlags,
      json: jsonFlag,
    },
    positional: inputArgument,
  },
  docs: {
    brief: "Run in the running kernel on test input",
    fullDescription:
      `Runs a program by BPF_PROG_TEST_RUN and prints what it returns, the packet afterwards and the time. With
--against, both versions run on the same random inputs, the second half with maps filled at random; return
values, outputs and maps must be the same, else the status is 1.
${KERNEL_NEEDS}`,
  },
});
