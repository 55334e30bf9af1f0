/**
 * The command line as a whole: its subcommands, and how arguments, failures and exit statuses are told.
 *
 * @module
 */

import {
  type Application,
  ArgumentScannerError,
  buildApplication,
  buildRouteMap,
  type EnumValidationError,
  formatMessageForArgumentScannerError,
  proposeCompletions,
  type RouteMap,
  run as runApplication,
  text_en,
} from "@stricli/core";
import { asmCommand } from "./asm.ts";
import { COMPLETE, completionsCommand } from "./completions.ts";
import { type CliContext, utf8 } from "./context.ts";
import { convertCommand } from "./convert.ts";
import { disCommand } from "./dis.ts";
import { EXIT, exitStatus, failureText } from "./failure.ts";
import type { Host } from "./host.ts";
import { equivCommand } from "./equiv.ts";
import { infoCommand } from "./info.ts";
import { liftCommand } from "./lift.ts";
import { optCommand } from "./opt.ts";
import { runCommand } from "./run.ts";
import { testRunCommand } from "./test_run.ts";
import { verifyCommand } from "./verify.ts";
import { VERSION, versionCommand } from "./version.ts";

const routes: RouteMap<CliContext> = buildRouteMap<string, CliContext>({
  routes: {
    info: infoCommand,
    dis: disCommand,
    asm: asmCommand,
    lift: liftCommand,
    opt: optCommand,
    run: runCommand,
    equiv: equivCommand,
    verify: verifyCommand,
    testRun: testRunCommand,
    convert: convertCommand,
    completions: completionsCommand,
    version: versionCommand,
  },
  docs: {
    brief: "Compiler toolkit for eBPF",
    fullDescription:
      `Compiler toolkit for eBPF: reads, shows, rewrites and runs eBPF objects and programs.

Inputs are ELF objects, dumps (one u64 a line), raw bytes, hexadecimal digits, assembly text and .epir,
told apart by their content; - is standard input or output.

Exit status: 0 done, 1 the input is at fault, 2 wrong usage, 70 a defect of epass.`,
  },
});

/** A message of the argument parser as one line of ours. */
const usageText = (message: string): string =>
  `epass: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;

/** What is wrong with the arguments. */
function argumentText(error: ArgumentScannerError): string {
  return usageText(formatMessageForArgumentScannerError(error, {
    EnumValidationError: ({ externalFlagName, input, values }: EnumValidationError) =>
      `cannot parse --${externalFlagName} ${input}: expected ${values.join(", ")}`,
  }));
}

const app: Application<CliContext> = buildApplication(routes, {
  name: "epass",
  versionInfo: { currentVersion: `epass ${VERSION}` },
  scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
  documentation: {
    caseStyle: "convert-camel-to-kebab",
    disableAnsiColor: true,
    onlyRequiredInUsageLine: true,
    useAliasInUsageLine: true,
  },
  localization: {
    text: {
      ...text_en,
      noCommandRegisteredForInput: (args) => usageText(text_en.noCommandRegisteredForInput(args)),
      exceptionWhileParsingArguments: (error) =>
        error instanceof ArgumentScannerError ? argumentText(error) : failureText(error),
      exceptionWhileLoadingCommandFunction: failureText,
      exceptionWhileLoadingCommandContext: failureText,
      exceptionWhileRunningCommand: failureText,
    },
  },
  determineExitCode: exitStatus,
});

/** Statuses below zero are the argument parser's own. */
function statusOf(code: number): number {
  // UnknownCommand and InvalidArgument of stricli's ExitCode.
  return code >= 0 ? code : code === -5 || code === -4 ? EXIT.usage : EXIT.defect;
}

/** Where to read more after wrong usage. */
function hint(subcommand: string | undefined): string {
  const known = subcommand !== undefined &&
    routes.getRoutingTargetForInput(subcommand) !== undefined;
  return known
    ? `Run epass ${subcommand} --help for its arguments.\n`
    : "Run epass --help for the subcommands.\n";
}

/** `-O0` as the flag that it abbreviates; what follows `--` is left alone. */
function expandLevels(args: readonly string[]): string[] {
  const end = args.indexOf("--");
  return args.map((arg, i) =>
    end >= 0 && i > end ? arg : arg.replace(/^-O([0-9a-z])$/, "--optimize=$1")
  );
}

/**
 * Runs the command line.
 *
 * @param args The arguments, without the name of the program.
 * @param host Files and standard streams.
 * @returns The exit status.
 */
export async function runCli(args: readonly string[], host: Host): Promise<number> {
  let out = "", err = "";
  const process = {
    stdout: { write: (text: string) => void (out += text) },
    stderr: { write: (text: string) => void (err += text) },
    exitCode: null as number | null,
  };
  const context: CliContext & { process: typeof process } = { process, host };
  if (args[0] === COMPLETE) {
    const proposals = await proposeCompletions(app, args.slice(1), context);
    out = proposals.map(({ completion }) => `${completion}\n`).join("");
    process.exitCode = EXIT.done;
  } else {
    await runApplication(app, args.length === 0 ? ["--help"] : expandLevels(args), context);
  }
  if (out !== "") await host.write("-", utf8(out));
  if (err !== "") await host.warn(err);
  const status = statusOf(process.exitCode ?? EXIT.done);
  if (status === EXIT.usage) await host.warn(hint(args[0]));
  return status;
}
