/**
 * Contexts that are bytes: registers, arguments, records of tracepoints, and whatever else has no packet.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import type { GuestMemory, Region } from "../memory.ts";
import { NO_PACKET, type PacketLoad } from "../packet_load.ts";
import type { ContextBuilder, ContextInput, ContextOutput, RunContext } from "./context.ts";
import { integer, type Layout, readFields, writeFields, writeNumber } from "./layout.ts";
import { ARGUMENT_REGISTERS, PT_REGS, REGISTER_ALIASES } from "./registers.ts";
import { traceFormat } from "./trace_format.ts";

/** Arguments that a context of arguments has at least (MAX_BPF_FUNC_ARGS). */
const MIN_ARGUMENTS = 12;
/** Bytes that the record of a tracepoint has at least. */
const MIN_RECORD = 256;
/** Most bytes of a context. */
const MAX_CONTEXT = 1 << 20;
const NO_BYTES = new Uint8Array(0);
const EMPTY: Layout = { name: "context", size: 0, fields: [], byName: new Map() };

/** A context without a packet. */
class PlainContext implements RunContext {
  readonly type: string;
  readonly args: readonly bigint[];
  readonly address: number;
  readonly packet = null;
  readonly loadPacket: PacketLoad = NO_PACKET;
  readonly #memory: GuestMemory;
  readonly #region: Region | null;
  readonly #layout: Layout;

  constructor(
    type: string,
    memory: GuestMemory,
    region: Region | null,
    layout: Layout,
    withSize: boolean,
  ) {
    this.type = type;
    this.address = region?.address ?? 0;
    this.#memory = memory;
    this.#region = region;
    this.#layout = layout;
    this.args = [BigInt(this.address), ...withSize ? [BigInt(region?.size ?? 0)] : []];
  }

  finish(): ContextOutput {
    const context = this.#region === null ? NO_BYTES : this.#memory.contents(this.#region).slice();
    const { order } = this.#memory;
    const fields = () => readFields(this.#layout, context, order);
    return { context, readFields: fields, packet: null, meta: NO_BYTES };
  }
}

/** Bytes of a context, and the names of what is in them. */
interface Prepared {
  readonly bytes: Uint8Array;
  readonly layout: Layout;
}

/** Turns an input into bytes. */
type Prepare = (input: ContextInput, env: Environment) => Prepared;

/** Bytes of at least a size, beginning with given ones. */
function atLeast(size: number, given: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.max(size, given?.length ?? 0));
  if (given !== undefined) bytes.set(given);
  return bytes;
}

function prepareFields(layout: Layout, least = layout.size): Prepare {
  return ({ ctx, fields = {} }, { memory }) => {
    const bytes = atLeast(least, ctx);
    writeFields(layout, bytes, memory.order, fields);
    return { bytes, layout };
  };
}

function writeArgument(
  bytes: Uint8Array,
  { order }: GuestMemory,
  offset: number,
  value: number | bigint,
  index: number,
): void {
  writeNumber(bytes, order, offset, 8, integer(value, `argument ${index}`));
}

/** Arguments as 64-bit numbers, then what the function returned. */
const prepareArguments: Prepare = ({ ctx, args = [], returned }, { memory }) => {
  const values = returned === undefined ? args : [...args, returned];
  const bytes = atLeast(8 * Math.max(MIN_ARGUMENTS, values.length), ctx);
  values.forEach((value, i) => writeArgument(bytes, memory, 8 * i, value, i));
  return { bytes, layout: EMPTY };
};

/** Processor registers; arguments are in those that the calling convention says. */
function prepareRegisters(tail: Layout | null): Prepare {
  return (input, { memory }) => {
    const { ctx, args = [], returned, registers = {}, machine = "x86_64", fields = {} } = input;
    const layout = PT_REGS[machine];
    const { inputs, output } = ARGUMENT_REGISTERS[machine];
    if (args.length > inputs.length) {
      throw new EpassError(
        `cannot put ${args.length} arguments into registers: ${machine} has ${inputs.length} for them`,
      );
    }
    const bytes = atLeast(layout.size + (tail?.size ?? 0), ctx);
    const assign = (values: { readonly [name: string]: number | bigint }) =>
      writeFields(layout, bytes, memory.order, values);
    args.forEach((value, i) => assign({ [inputs[i]]: value }));
    if (returned !== undefined) assign({ [output]: returned });
    for (const [name, value] of Object.entries(registers)) {
      const real = REGISTER_ALIASES[machine][name] ?? name;
      writeFields(layout, bytes, memory.order, { [real]: value });
    }
    if (tail !== null) writeFields(tail, bytes.subarray(layout.size), memory.order, fields);
    return { bytes, layout };
  };
}

/** The record of a tracepoint: by its format, or a system call's with its arguments from byte 16 on. */
const prepareRecord: Prepare = ({ ctx, args = [], returned, fields = {}, format }, { memory }) => {
  const layout = format === undefined ? EMPTY : traceFormat(format);
  const values = returned === undefined ? args : [returned];
  const bytes = atLeast(Math.max(MIN_RECORD, layout.size, 16 + 8 * values.length), ctx);
  values.forEach((value, i) => writeArgument(bytes, memory, 16 + 8 * i, value, i));
  writeFields(layout, bytes, memory.order, fields);
  return { bytes, layout };
};

const prepareBytes: Prepare = ({ ctx }) => ({ bytes: ctx ?? NO_BYTES, layout: EMPTY });

/** How the context of a type without a packet is made. */
export type PlainKind =
  | { readonly kind: "fields"; readonly layout: Layout }
  | { readonly kind: "arguments" | "record" | "bytes" }
  | { readonly kind: "registers"; readonly tail: Layout | null };

function preparer(plain: PlainKind): Prepare {
  switch (plain.kind) {
    case "fields":
      return prepareFields(plain.layout);
    case "arguments":
      return prepareArguments;
    case "record":
      return prepareRecord;
    case "registers":
      return prepareRegisters(plain.tail);
    case "bytes":
      return prepareBytes;
  }
}

/**
 * Makes the builder of contexts without a packet.
 *
 * @param env The environment.
 * @param type Program type; empty for one that is not known, whose r2 is the size of the context.
 * @param plain How they are made.
 * @returns The builder.
 */
export function plainContexts(env: Environment, type: string, plain: PlainKind): ContextBuilder {
  const { memory } = env;
  const prepare = preparer(plain);
  let region: Region | null = null;
  return {
    build(input) {
      const { bytes, layout } = prepare(input, env);
      if (bytes.length > MAX_CONTEXT) {
        throw new EpassError(
          `cannot build a context: ${bytes.length} bytes exceed ${MAX_CONTEXT}`,
        );
      }
      if (region !== null) memory.unmap(region);
      if (bytes.length > 0) {
        if (region === null || region.capacity < bytes.length) {
          region = memory.allocate("the context", bytes.length);
        }
        memory.resize(region, bytes.length);
        memory.contents(region).set(bytes);
      }
      const used = bytes.length > 0 ? region : null;
      return new PlainContext(type, memory, used, layout, type === "");
    },
  };
}
