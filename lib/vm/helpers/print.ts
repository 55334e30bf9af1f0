/**
 * Helpers that print: to the trace log, to a buffer of the program, to a file of an iterator.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { readForeign, readForeignString } from "../foreign_memory.ts";
import { formatFields, LINE_SIZE, MAX_FORMAT, MAX_FORMAT_ARGUMENTS } from "../format.ts";
import { type Rendered, renderFields } from "../format_fields.ts";
import type { GuestMemory } from "../memory.ts";
import { showType } from "../show_type.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** Bytes of the buffer behind a file of an iterator. */
const SEQUENCE_SIZE = 32_768;

/** A format of a known size, up to its NUL; null without one. */
function sizedFormat(memory: GuestMemory, address: bigint, size: number): Uint8Array | null {
  const bytes = memory.slice(address, size, false);
  const nul = bytes.indexOf(0);
  return nul < 0 ? null : bytes.subarray(0, nul);
}

/** The arguments in memory; null if their size is not possible. */
function arrayArguments(memory: GuestMemory, address: bigint, size: number): bigint[] | null {
  if (size % 8 !== 0 || size > MAX_FORMAT_ARGUMENTS * 8) return null;
  if (size !== 0 && address === 0n) return null;
  const args: bigint[] = [];
  for (let at = 0; at < size; at += 8) args.push(memory.load(address + BigInt(at), 8));
  return args;
}

/** Formats into a buffer of a size; a negative error number if the format is not accepted. */
function render(
  env: Environment,
  format: Uint8Array | null,
  args: readonly bigint[] | null,
  size: number,
): Rendered | bigint {
  if (format === null || args === null) return failure("EINVAL");
  const fields = formatFields(env, format, args);
  return typeof fields === "number" ? result(fields) : renderFields(fields, size);
}

/** The text of a line that the kernel handles as a C string. */
function lineText(bytes: Uint8Array): string {
  const nul = bytes.indexOf(0);
  const line = new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
  return line.endsWith("\n") ? line.slice(0, -1) : line;
}

/** Prints a line to the trace log. */
function printLine(
  env: Environment,
  format: Uint8Array | null,
  args: readonly bigint[] | null,
): bigint {
  const rendered = render(env, format, args, LINE_SIZE);
  if (typeof rendered === "bigint") return rendered;
  env.records.printk.push(lineText(rendered.bytes), rendered.bytes.length);
  return result(rendered.length);
}

const tracePrintk: HelperFactory = (env) => (_context, r1, r2, r3, r4, r5) =>
  printLine(env, sizedFormat(env.memory, r1, u32(r2)), [r3, r4, r5]);

const traceVprintk: HelperFactory = (env) => (_context, r1, r2, r3, r4) =>
  printLine(
    env,
    sizedFormat(env.memory, r1, u32(r2)),
    arrayArguments(env.memory, u64(r3), u32(r4)),
  );

const snprintf: HelperFactory = (env) => (_context, r1, r2, r3, r4, r5) => {
  const { memory } = env;
  const size = u32(r2);
  const args = arrayArguments(memory, u64(r4), u32(r5));
  memory.check(r3, 1, false);
  const format = readForeignString(env, "kernel", u64(r3), MAX_FORMAT);
  const end = format === null || format.at(-1) !== 0 ? null : format.subarray(0, -1);
  const rendered = render(env, end, args, size);
  if (typeof rendered === "bigint") return rendered;
  const target = memory.slice(r1, size, true);
  target.set(rendered.bytes);
  if (size > 0) target[rendered.bytes.length] = 0;
  return result(rendered.length + 1);
};

/** Appends to the file of an iterator. */
function appendSequence({ records }: Environment, data: Uint8Array): bigint {
  if (data.length > SEQUENCE_SIZE) return failure("EOVERFLOW");
  records.output.push({ helper: "seq_write", map: "", cpu: 0, data }, data.length);
  return 0n;
}

const seqPrintf: HelperFactory = (env) => (_context, _r1, r2, r3, r4, r5) => {
  const format = sizedFormat(env.memory, r2, u32(r3));
  const args = arrayArguments(env.memory, u64(r4), u32(r5));
  const rendered = render(env, format, args, SEQUENCE_SIZE + 1);
  if (typeof rendered === "bigint") return rendered;
  if (rendered.length > SEQUENCE_SIZE) return failure("EOVERFLOW");
  return appendSequence(env, rendered.bytes);
};

const seqWrite: HelperFactory = (env) => (_context, _r1, r2, r3) =>
  appendSequence(env, env.memory.slice(r2, u32(r3), false).slice());

/** Bytes of `struct btf_ptr`. */
const TYPED_POINTER_SIZE = 16;
/** The largest value that is shown. */
const MAX_SHOWN = 1 << 20;

/** The text of a value of the kernel's types, or why there is none. */
function typedText(
  env: Environment,
  pointer: bigint,
  size: number,
  flags: bigint,
): Uint8Array | bigint {
  const { memory, kernel } = env;
  const types = kernel?.types ?? null;
  if (size !== TYPED_POINTER_SIZE || flags > 15n || types === null) return failure("EINVAL");
  const id = u32(memory.load(pointer + 8n, 4));
  if (id === 0) return failure("EINVAL");
  if (id >= types.count) return failure("ENOENT");
  const wanted = types.sizeOf(id);
  if (wanted > MAX_SHOWN) return failure("EINVAL");
  const bytes = readForeign(env, "kernel", memory.load(pointer, 8), wanted);
  if (bytes === null) return failure("EFAULT");
  return Uint8Array.from(showType(types, id, bytes, Number(flags)), (c) => c.charCodeAt(0));
}

const snprintfTyped: HelperFactory = (env) => (_context, r1, r2, r3, r4, r5) => {
  const text = typedText(env, u64(r3), u32(r4), u64(r5));
  if (typeof text === "bigint") return text;
  const target = env.memory.slice(r1, u32(r2), true);
  const copied = text.subarray(0, Math.max(target.length - 1, 0));
  target.set(copied);
  if (target.length > 0) target[copied.length] = 0;
  return result(text.length);
};

const seqPrintfTyped: HelperFactory = (env) => (_context, _r1, r2, r3, r4) => {
  const text = typedText(env, u64(r2), u32(r3), u64(r4));
  return typeof text === "bigint" ? text : appendSequence(env, text);
};

/** Helpers that print. */
export const PRINT_HELPERS: HelperBodies = {
  trace_printk: tracePrintk,
  trace_vprintk: traceVprintk,
  snprintf,
  snprintf_btf: snprintfTyped,
  seq_printf: seqPrintf,
  seq_printf_btf: seqPrintfTyped,
  seq_write: seqWrite,
};
