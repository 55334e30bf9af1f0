/**
 * Test runs (BPF_PROG_TEST_RUN): a program on given inputs, or two versions of it on random ones.
 *
 * @module
 */

import { EpassError, UnsupportedError } from "../errors.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import type { TestRunResult } from "./bpf_programs.ts";
import { compareRuns, type Comparison, runKind } from "./differential.ts";
import type { Kernel, KernelLoadOptions } from "./kernel.ts";
import type { LoadedProgram } from "./loaded.ts";
import { buffer, errnoName } from "./native.ts";

/** What to run a program on. */
export interface TestRunOptions extends KernelLoadOptions {
  /** The inputs, such as packets, in turn. */
  readonly inputs: readonly Uint8Array[];
  /** The context; null for none. */
  readonly context: Uint8Array | null;
  /** How often to run on each input. */
  readonly repeat: number;
}

/** How to compare two versions. */
export interface CompareOptions extends KernelLoadOptions {
  /** How many random inputs. */
  readonly count: number;
  /** Seed of the inputs. */
  readonly seed: number;
}

/** Bytes by which a program may lengthen its packet. */
const GROWTH = 4096;

const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const copy = buffer(bytes.length);
  copy.set(bytes);
  return copy;
};

/** A program in the kernel, with the type that it was loaded as. */
function loadAccepted(
  kernel: Kernel,
  program: Program,
  fn: ProgramFunction,
  options: KernelLoadOptions,
): { readonly type: string; readonly loaded: LoadedProgram } {
  const { verdict, loaded } = kernel.load(program, fn, options);
  if (loaded === null) {
    throw new EpassError(`cannot load ${fn.name}: ${verdict.reason}`, { function: fn.name });
  }
  return { type: verdict.type, loaded };
}

/**
 * Runs a program on inputs.
 *
 * @param kernel The kernel.
 * @param program The input.
 * @param fn The function to run.
 * @param options What to run it on.
 * @returns A result for each input; one without any input.
 * @throws {EpassError} If the kernel refuses the program or the input.
 */
export function testRun(
  kernel: Kernel,
  program: Program,
  fn: ProgramFunction,
  options: TestRunOptions,
): TestRunResult[] {
  const { type, loaded } = loadAccepted(kernel, program, fn, options);
  const { context, repeat } = options;
  // Only programs on packets are run more than once.
  const times = runKind(type) === "packet" ? repeat : 0;
  const inputs = options.inputs.length === 0 ? [null] : options.inputs.map(copyOf);
  try {
    return inputs.map((data) => {
      const result = kernel.bpf.programs.testRun(loaded.fd, {
        data,
        context: context === null ? null : copyOf(context),
        repeat: times,
        outputSize: data === null ? 0 : data.length + GROWTH,
      });
      if (typeof result !== "number") return result;
      throw new EpassError(
        `cannot run ${fn.name}: the kernel says ${errnoName(-result)} to ${
          data === null ? "no input" : `${data.length} bytes of input`
        } for a program of type ${type}`,
        { function: fn.name },
      );
    });
  } finally {
    loaded.close();
  }
}

/**
 * Compares two versions of a program on random inputs.
 *
 * @param kernel The kernel.
 * @param original The original with the function to run.
 * @param rewritten The other version.
 * @param options How to compare.
 * @returns What differs.
 * @throws {EpassError} If the kernel refuses a version.
 * @throws {UnsupportedError} If the kernel cannot run programs of this type.
 */
export function compareTestRuns(
  kernel: Kernel,
  original: { readonly program: Program; readonly fn: ProgramFunction },
  rewritten: { readonly program: Program; readonly fn: ProgramFunction },
  options: CompareOptions,
): Comparison {
  const open: LoadedProgram[] = [];
  const load = ({ program, fn }: typeof original, type: string | undefined) => {
    const result = loadAccepted(kernel, program, fn, { ...options, type });
    open.push(result.loaded);
    return result;
  };
  try {
    const first = load(original, options.type);
    const kind = runKind(first.type);
    if (kind === null) {
      throw new UnsupportedError(
        `cannot run ${original.fn.name}: the kernel has no test run for programs of type ${first.type}`,
        { function: original.fn.name },
      );
    }
    const versions = {
      original: first.loaded,
      control: load(original, first.type).loaded,
      rewritten: load(rewritten, first.type).loaded,
    };
    const { native, bpf } = kernel;
    const processors = native.possibleProcessors();
    return native.onOneProcessor(() =>
      compareRuns(bpf, versions, kind, options.count, options.seed, processors)
    );
  } finally {
    for (const loaded of open) loaded.close();
  }
}
