/**
 * What the subcommands that use the running kernel share: the flags that say how to load a program.
 *
 * @module
 */

import type { TypedFlagParameter } from "@stricli/core";
import type { Kernel, KernelLoadOptions } from "../kernel/kernel.ts";
import { type CliContext, naming } from "./context.ts";
import { textFlag } from "./flags.ts";
import type { Host } from "./host.ts";

/** The values of {@link kernelFlags}. */
export interface KernelFlags {
  /** Program type. */
  readonly type?: string;
  /** Attach type. */
  readonly attachType?: string;
  /** What a stream attaches to. */
  readonly attach?: string;
  /** File that describes the maps of a stream. */
  readonly maps?: string;
}

/** The flags. */
export const kernelFlags: {
  readonly [K in keyof Required<KernelFlags>]: TypedFlagParameter<string | undefined, CliContext>;
} = {
  type: textFlag("TYPE", "Program type, such as xdp (by default what the section says)"),
  attachType: textFlag("TYPE", "Attach type, such as cgroup_inet4_connect (by default likewise)"),
  attach: textFlag("NAME", "What a bare program attaches to: a tracepoint or kernel function"),
  maps: textFlag("FILE", "JSON that tells the program type and the maps of a bare program"),
};

/** What runs programs in the kernel needs of Deno, for the documentation of a subcommand. */
export const KERNEL_NEEDS =
  `Needs Linux, root (or CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN), --allow-ffi, and libbpf 1.x for objects.
Nothing is attached or pinned.`;

/**
 * Turns flags into options.
 *
 * @param host Where to read the map file.
 * @param flags The flags.
 * @returns How to load programs.
 * @throws {EpassError} If the map file cannot be read or is malformed.
 */
export async function kernelOptions(host: Host, flags: KernelFlags): Promise<KernelLoadOptions> {
  const { parseMapFile } = await import("./library.ts");
  const { type, attachType, attach, maps } = flags;
  const file = maps === undefined
    ? null
    : parseMapFile(new TextDecoder().decode(await host.read(maps)));
  return { type, attachType, attach, file };
}

/**
 * Runs a step with the kernel open.
 *
 * @param input Name of the input, for messages.
 * @param step The step.
 * @returns What it returns.
 * @throws {EpassError} If the kernel cannot be used, or the step fails.
 */
export async function withKernel<T>(input: string, step: (kernel: Kernel) => T): Promise<T> {
  const { Kernel } = await import("./library.ts");
  return naming(input, () => {
    const kernel = new Kernel();
    try {
      return step(kernel);
    } finally {
      kernel.close();
    }
  });
}
