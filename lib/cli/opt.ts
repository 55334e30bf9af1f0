/**
 * `epass opt`: inputs rewritten.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import type { CompileOptions, FunctionReport } from "../compile.ts";
import { EpassError } from "../errors.ts";
import type { Version } from "../isa/ops.ts";
import type { Format, Program } from "../object/program.ts";
import {
  type CliContext,
  fromFlag,
  jsonFlag,
  jsonText,
  naming,
  readInput,
  reportNotes,
  toFlag,
  utf8,
} from "./context.ts";
import { EXIT, exitStatus, failureText, UsageError } from "./failure.ts";
import type { Host } from "./host.ts";
import { type KernelFlags, kernelFlags, kernelOptions, withKernel } from "./kernel_flags.ts";
import { listPasses, type PassFlags, passFlags, passOptions } from "./pass_flags.ts";

interface Flags extends KernelFlags, PassFlags {
  readonly output?: string;
  readonly outDir?: string;
  readonly listPasses: boolean;
  readonly from?: Format;
  readonly to?: Format;
  readonly cpu?: "v1" | "v2" | "v3" | "v4";
  readonly check: boolean;
  readonly verify: boolean;
  readonly json: boolean;
}

/** An input and where its rewrite goes. */
interface Job {
  readonly input: string;
  readonly output: string;
}

/** What `--json` tells about a file. */
interface FileReport extends Job {
  readonly functions: readonly FunctionReport[];
  /** Whether the kernel takes the rewrite as it takes the input; absent without `--verify`. */
  readonly verified?: boolean;
}

const baseName = (path: string): string => path.replace(/^.*[/\\]/, "");

/** Where each input goes. */
function planJobs(inputs: readonly string[], flags: Flags): Job[] {
  const { output, outDir } = flags;
  if ((output === undefined) === (outDir === undefined)) {
    throw new UsageError("expected either -o OUT or --out-dir DIR");
  }
  if (output !== undefined) {
    if (inputs.length > 1) {
      throw new UsageError(`cannot write ${inputs.length} inputs to ${output}: use --out-dir DIR`);
    }
    if (output === "-" && flags.json) {
      throw new UsageError("cannot write both -o - and --json to standard output");
    }
    return [{ input: inputs[0], output }];
  }
  const folder = outDir!.replace(/(?<=.)\/+$/, "");
  const inputOf = new Map<string, string>();
  return inputs.map((input) => {
    if (input === "-") throw new UsageError("cannot name the output of standard input: use -o OUT");
    const name = baseName(input);
    const other = inputOf.get(name);
    if (other !== undefined) {
      throw new UsageError(`cannot write ${other} and ${input} to one folder: both are ${name}`);
    }
    inputOf.set(name, input);
    return { input, output: folder === "/" ? `/${name}` : `${folder}/${name}` };
  });
}

function compileOptions(flags: Flags): CompileOptions {
  return {
    check: flags.check,
    ...(flags.cpu === undefined ? {} : { cpu: Number(flags.cpu.slice(1)) as Version }),
    ...(flags.to === undefined ? {} : { to: flags.to }),
  };
}

/** What the kernel says of a rewrite. */
interface Judgement {
  /** Whether it takes the rewrite as it takes the input. */
  readonly verified: boolean;
  /** What the rewrite does without, for {@link CompileOptions}. */
  readonly limits: Pick<CompileOptions, "verbatim" | "without">;
  /** The same in words. */
  readonly notes: readonly string[];
}

/** Asks the kernel which functions must stay as they are; without one, the rewrite stands unverified. */
async function judgeRewrite(
  host: Host,
  { input }: Job,
  program: Program,
  flags: Flags,
  passes: CompileOptions,
): Promise<Judgement> {
  const { compileProgram, passNames, settleRewrite } = await import("./library.ts");
  const compile = { ...compileOptions(flags), ...passes, to: program.format };
  const options = { ...await kernelOptions(host, flags), passes: passNames(compile) };
  try {
    const { verbatim, without, notes, rows, accepted } = await withKernel(
      input,
      (kernel) =>
        settleRewrite(
          kernel,
          program,
          (limits) => compileProgram(program, { ...compile, ...limits }).bytes,
          options,
        ),
    );
    if (!accepted) {
      const note = "the kernel refuses every rewrite: the input is kept";
      return {
        verified: false,
        limits: { verbatim: new Map(program.functions.map((f) => [f.index, note])) },
        notes: [note],
      };
    }
    const loaded = rows.filter(({ verdict }) => verdict.accepted).length;
    const note = `the kernel accepts ${loaded} of ${rows.length} programs, none less than before`;
    return { verified: true, limits: { verbatim, without }, notes: [...notes, note] };
  } catch (error) {
    if (!(error instanceof EpassError)) throw error;
    return { verified: false, limits: {}, notes: [`not verified: ${error.message}`] };
  }
}

async function rewrite(host: Host, job: Job, flags: Flags): Promise<FileReport> {
  const { compileProgram } = await import("./library.ts");
  const program = await readInput(host, job.input, flags.from);
  const { options: { observer, ...passes }, log } = await passOptions(flags);
  const judged = flags.verify ? await judgeRewrite(host, job, program, flags, passes) : null;
  const options = {
    ...compileOptions(flags),
    ...passes,
    ...(observer === undefined ? {} : { observer }),
  };
  const compiled = naming(
    job.input,
    () =>
      compileProgram(
        program,
        judged === null ? options : { ...options, ...judged.limits },
      ),
  );
  await host.write(job.output, compiled.bytes);
  if (log.text() !== "") await host.warn(log.text());
  await reportNotes(host, job.input, [
    ...compiled.notes,
    ...(judged?.notes ?? []),
  ]);
  const report = { ...job, functions: compiled.functions };
  return judged === null ? report : { ...report, verified: judged.verified };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** A line for each function that was carried verbatim, and one for the file. */
function summaryText({ input, output, functions }: FileReport): string {
  const kept = functions.filter((fn) => !fn.lifted);
  const before = sum(functions.map((fn) => fn.insnsBefore));
  const after = sum(functions.map((fn) => fn.insnsAfter));
  const change = before === 0 ? "" : ` (${((after / before - 1) * 100).toFixed(2)} %)`;
  const lines = kept.map((fn) => `  ${fn.name} (${fn.section}) carried verbatim: ${fn.reason}`);
  lines.unshift(
    `${input} -> ${output}: ${
      functions.length - kept.length
    } of ${functions.length} functions lifted, ` +
      `${before} -> ${after} slots${change}`,
  );
  return lines.join("\n") + "\n";
}

async function opt(this: CliContext, flags: Flags, ...inputs: string[]): Promise<void> {
  const { host } = this;
  if (flags.listPasses) return await listPasses(this);
  if (inputs.length === 0) throw new UsageError("expected an input file");
  const reports: FileReport[] = [];
  let status: number = EXIT.done;
  for (const job of planJobs(inputs, flags)) {
    try {
      const report = await rewrite(host, job, flags);
      reports.push(report);
      if (!flags.json) await host.warn(summaryText(report));
    } catch (error) {
      // The other inputs are still worth their rewrite.
      await host.warn(`${failureText(error)}\n`);
      status = Math.max(status, exitStatus(error));
    }
  }
  if (flags.json) await host.write("-", utf8(jsonText({ files: reports })));
  this.process.exitCode = status;
}

/** The subcommand. */
export const optCommand: Command<CliContext> = buildCommand({
  func: opt,
  parameters: {
    flags: {
      output: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "OUT",
        brief: "File to write, - for standard output",
      },
      outDir: {
        kind: "parsed",
        parse: String,
        optional: true,
        placeholder: "DIR",
        brief: "Folder to write, with the names of the inputs",
      },
      ...passFlags,
      listPasses: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Print the passes, their options, and what each level runs",
      },
      from: fromFlag,
      to: toFlag,
      cpu: {
        kind: "enum",
        values: ["v1", "v2", "v3", "v4"],
        optional: true,
        brief: "Newest ISA version to use (by default what the input uses)",
      },
      check: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Check the SSA form and the register allocation of every function",
      },
      verify: {
        kind: "boolean",
        default: false,
        withNegated: false,
        brief: "Load the rewrite into the running kernel; what it refuses stays as it was",
      },
      ...kernelFlags,
      json: jsonFlag,
    },
    aliases: { o: "output" },
    positional: {
      kind: "array",
      parameter: { parse: String, placeholder: "IN", brief: "Input files, - for standard input" },
    },
  },
  docs: {
    brief: "Rewrite",
    fullDescription:
      `Lifts every function to SSA, lowers it and puts it back; all else in an object stays as it is. A
function that cannot be lifted is carried verbatim, with the reason.
--verify loads each rewritten program beside its original. Where the kernel refuses, the function in which
the verifier stopped goes without the pass that spoiled it; if that does not help it stays verbatim, then the
whole program does, with the reason. So it goes with what takes the verifier more than 1.1 times as many
instructions as before. Without the permission or the libraries for it, the rewrite is written
unverified, and a note says so.
--json prints {"files":[{"input","output","verified"?,
  "functions":[{"name","section","insnsBefore","insnsAfter","lifted","reason"?}]}]}.`,
    customUsage: [
      "IN... (-o OUT | --out-dir DIR) [-O0|-O1|-O2|-O3|-Os] [--from F] [--to F] [--cpu V] [--check] [--verify] [--json]",
      "--list-passes",
    ],
  },
});
