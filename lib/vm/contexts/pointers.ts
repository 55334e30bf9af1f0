/**
 * Arguments that are pointers: bytes, text and structures of the kernel, placed in guest memory for a run.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import type { Environment } from "../environment.ts";
import { GUEST_BASE, type Region } from "../memory.ts";
import { Codec } from "../typed_codec.ts";
import type { TypedValue } from "../typed_layout.ts";
import type { ContextInput, NamedValues } from "./context.ts";

/** A value of a C type; its pointers may be {@link PointerTo}. */
export type PointedValue =
  | TypedValue
  | PointerTo
  | readonly PointedValue[]
  | { readonly [member: string]: PointedValue };

/** A pointer to something that a run finds in its memory. The same pointer leads to the same place throughout a run. */
export class PointerTo {
  /** What it points to: bytes, or a value of the type. */
  readonly value: PointedValue;
  /** Name of the structure or typedef; empty for bytes. */
  readonly type: string;
  /** What it points into, if it was made by {@link PointerTo.plus}. */
  readonly base: PointerTo;
  /** Bytes from there. */
  readonly offset: number;

  /**
   * Makes a pointer; {@link pointerTo} is shorter.
   *
   * @param type Name of the structure or typedef; empty for bytes.
   * @param value What it points to.
   * @param base What it points into; null for its own value.
   * @param offset Bytes from there.
   */
  constructor(type: string, value: PointedValue, base: PointerTo | null = null, offset = 0) {
    this.type = type;
    this.value = value;
    this.base = base ?? this;
    this.offset = offset;
  }

  /**
   * A pointer into the same value.
   *
   * @param bytes Bytes from this one.
   * @returns The pointer.
   */
  plus(bytes: number): PointerTo {
    return new PointerTo(this.type, this.value, this.base, this.offset + bytes);
  }
}

/**
 * A pointer to bytes, or to text with a NUL at its end.
 *
 * @param value The bytes or text.
 * @returns The pointer.
 */
export function pointerTo(value: Uint8Array | string): PointerTo;
/**
 * A pointer to a value of a type of the kernel, or of the program where no kernel's types are given.
 *
 * @param type Name of a structure, union or typedef, such as `sk_buff`.
 * @param value Its members by name; those left out are zeros.
 * @returns The pointer.
 *
 * @example
 * ```ts ignore
 * const frame = pointerTo(bytes);
 * const skb = pointerTo("sk_buff", { len: 60, head: frame, data: frame.plus(14), network_header: 14 });
 * vm.program("tcp_rcv").run({ args: [skb] });
 * ```
 */
export function pointerTo(type: string, value: PointedValue): PointerTo;
export function pointerTo(first: Uint8Array | string, value?: PointedValue): PointerTo {
  if (value !== undefined) return new PointerTo(first as string, value);
  const bytes = typeof first === "string" ? new TextEncoder().encode(`${first}\0`) : first;
  return new PointerTo("", bytes);
}

/** Values by name that may be pointers. */
export type PointedValues = Readonly<Record<string, NamedValues[string] | PointerTo>>;

/** Members of an input whose values may be pointers. */
export type Pointed = "args" | "returned" | "registers" | "fields";

/** {@link ContextInput} whose values may be pointers. */
export interface PointedInput extends Omit<ContextInput, Pointed> {
  /** Arguments of the function or tracepoint that the program is attached to. */
  readonly args?: readonly (number | bigint | PointerTo)[] | undefined;
  /** What that function returned. */
  readonly returned?: number | bigint | PointerTo | undefined;
  /** Processor registers by name. */
  readonly registers?: PointedValues | undefined;
  /** Fields of the context by name, over `ctx`. */
  readonly fields?: PointedValues | undefined;
}

/** An input with addresses in place of pointers. */
export type Resolved<I> = Omit<I, Pointed> & Pick<ContextInput, Pointed>;

const isPointer = (value: unknown): value is PointerTo => value instanceof PointerTo;

/** Whether there is anything to place; most inputs are plain. */
function hasPointers<I extends PointedInput>(input: I | Resolved<I>): input is I {
  const { args, returned, registers, fields } = input as PointedInput;
  return isPointer(returned) || args?.some(isPointer) === true ||
    [registers, fields].some((values) =>
      values !== undefined && Object.values(values).some(isPointer)
    );
}

/** Bytes that are reserved at a time, at least. */
const CHUNK = 1 << 16;
/** Most bytes of one value. */
const MAX_SIZE = 1 << 24;
/** Most values in each other. */
const MAX_DEPTH = 64;

/** The memory that pointers of a run lead to. */
export class PointeeMemory {
  readonly #env: Environment;
  readonly #chunks: Region[] = [];
  #placed = new Map<PointerTo, number>();
  #chunk = 0;
  #used = 0;

  /**
   * Makes it empty.
   *
   * @param env The environment; its kernel or program has the types.
   */
  constructor(env: Environment) {
    this.#env = env;
  }

  /**
   * Places what the pointers of an input lead to, in place of what those of the run before led to.
   *
   * @param input The input.
   * @returns The input with addresses.
   * @throws {EpassError} If a type is unknown, or a value does not fit its type.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  resolve<I extends PointedInput>(input: I): Resolved<I> {
    if (!hasPointers(input)) return input;
    const { args, returned, registers, fields } = input;
    this.#placed = new Map();
    this.#chunk = this.#used = 0;
    const one = <T>(value: T | PointerTo): T | bigint =>
      value instanceof PointerTo ? this.#address(value, 0) : value;
    const all = (values: PointedValues | undefined): NamedValues | undefined =>
      values && Object.fromEntries(Object.entries(values).map(([name, v]) => [name, one(v)]));
    return {
      ...input,
      args: args?.map((value) => one(value)),
      returned: returned === undefined ? undefined : one(returned),
      registers: all(registers),
      fields: all(fields),
    };
  }

  /** The address that a pointer stands for. It is known before its value is placed, which may lead back to it. */
  #address({ base, offset }: PointerTo, depth: number): bigint {
    const known = this.#placed.get(base);
    if (known !== undefined) return BigInt(known + offset);
    const { type, value } = base;
    const codec = value instanceof Uint8Array ? null : this.#codec(type);
    const address = this.#reserve(codec?.size ?? (value as Uint8Array).length);
    this.#placed.set(base, address);
    const bytes = codec === null
      ? value as Uint8Array
      : codec.encode(this.#plain(value, depth + 1), type);
    this.#env.memory.bytes.set(bytes, address - GUEST_BASE);
    return BigInt(address + offset);
  }

  /** A value with addresses in place of pointers. */
  #plain(value: PointedValue, depth: number): TypedValue {
    if (value instanceof PointerTo) return this.#address(value, depth);
    if (typeof value !== "object" || value instanceof Uint8Array) return value;
    if (depth > MAX_DEPTH) throw new EpassError("cannot place a value: it has too many parts");
    if (Array.isArray(value)) return value.map((item) => this.#plain(item, depth + 1));
    return Object.fromEntries(
      Object.entries(value).map(([name, item]) => [name, this.#plain(item, depth + 1)]),
    );
  }

  #codec(name: string): Codec {
    const { kernel, types, memory } = this.#env;
    for (const btf of [kernel?.types ?? null, types]) {
      if (btf === null) continue;
      for (const kind of ["struct", "union", "typedef", "int"] as const) {
        const type = btf.find(kind, name);
        if (type !== null) return new Codec(btf, type.id, btf.sizeOf(type.id), memory.order);
      }
    }
    throw new EpassError(
      kernel === null
        ? `cannot place a ${name}: no kernel's types are given, and the program has no such type`
        : `cannot place a ${name}: neither the kernel nor the program has such a type`,
    );
  }

  /** Reserves room, aligned to 16 bytes. */
  #reserve(size: number): number {
    if (size > MAX_SIZE) {
      throw new EpassError(`cannot place a value: its ${size} bytes exceed ${MAX_SIZE}`);
    }
    const needed = Math.max(16, size + 15 & ~15);
    let region = this.#chunks[this.#chunk];
    while (region !== undefined && this.#used + needed > region.size) {
      region = this.#chunks[++this.#chunk];
      this.#used = 0;
    }
    if (region === undefined) {
      region = this.#env.memory.allocate("arguments", Math.max(CHUNK, needed));
      this.#chunks.push(region);
    }
    const address = region.address + this.#used;
    this.#used += needed;
    return address;
  }
}
