/**
 * The arguments of a traced function, tracepoint or iterator where the caller gives none: the kernel's types say what they
 * are, and pointers to structures lead to those of the sandbox's kernel. Numbers and other pointers are 0.
 *
 * @module
 */

import type { Btf } from "../object/btf.ts";
import type { ContextInput } from "./contexts/context.ts";
import type { Environment } from "./environment.ts";
import type { KernelObjects } from "./kernel_objects.ts";
import type { SandboxProgram } from "./load.ts";

/** Program types whose context is the arguments of something that the kernel's types describe. */
const TRACED: ReadonlySet<string> = new Set(["tracing", "raw_tracepoint", "lsm"]);

/** The types of the parameters of a tracepoint, iterator, hook or function; none if the kernel has no such thing. */
function parametersOf(btf: Btf, name: string): readonly number[] {
  const handler = btf.find("typedef", `btf_trace_${name}`);
  const pointer = handler === null ? null : btf.resolve(handler.id);
  const fn = btf.find("func", `bpf_iter_${name}`) ?? btf.find("func", `bpf_lsm_${name}`) ??
    btf.find("func", name);
  const prototype = btf.resolve((pointer ?? fn)?.sizeOrType ?? 0);
  if (prototype.kind !== "func_proto") return [];
  const types = btf.params(prototype).map(({ type }) => type);
  // The handler of a tracepoint gets its own data first, which programs do not see.
  return pointer === null ? types : types.slice(1);
}

/** The structure that a parameter points to; empty if it points to none. */
function structureOf(btf: Btf, parameter: number): string {
  const pointer = btf.resolve(parameter);
  const target = pointer.kind === "ptr" ? btf.resolve(pointer.sizeOrType) : null;
  return target?.kind === "struct" || target?.kind === "fwd" ? target.name : "";
}

/** The arguments of what a program is attached to. */
function argumentsOf(kernel: KernelObjects, attach: string): readonly bigint[] {
  const { types } = kernel;
  return parametersOf(types, attach).map((parameter) => {
    const name = structureOf(types, parameter);
    return BigInt(name === "" ? 0 : kernel.address(name));
  });
}

/**
 * Completes an input without arguments, where the kernel's types say what they are.
 *
 * @param env The environment.
 * @param program The program.
 * @param input What it is run on.
 * @returns The input, with the arguments of what the program is attached to.
 * @throws {DecodeError} If the kernel's types are malformed.
 */
export function withArguments<I extends Pick<ContextInput, "ctx"> & { readonly args?: unknown }>(
  { kernel }: Environment,
  { type, attach }: Pick<SandboxProgram, "type" | "attach">,
  input: I,
): I {
  if (kernel === null || attach === "" || !TRACED.has(type)) return input;
  if (input.args !== undefined || input.ctx !== undefined) return input;
  return { ...input, args: argumentsOf(kernel, attach) };
}
