/**
 * Externs of the kernel's configuration (`__kconfig`): BTF describes them in a section that the object does not have, and
 * a loader makes a read-only map of their values.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import type { Btf } from "./btf.ts";
import { ELF } from "./elf.ts";
import type { ElfObject } from "./elf_object.ts";

/** A value of the kernel's configuration that an object wants. Sizes are in bytes. */
export interface KconfigValue {
  /** Its name, such as `CONFIG_HZ` or `LINUX_KERNEL_VERSION`. */
  readonly name: string;
  /** Id of its type. */
  readonly type: number;
  /** Its place in the map. */
  readonly offset: number;
  /** Its size. */
  readonly size: number;
}

/** The values of an object. */
export interface KconfigLayout {
  /** Id of the section in BTF. */
  readonly section: number;
  /** The values in the order of their places. */
  readonly values: readonly KconfigValue[];
  /** Size of all in bytes, each aligned to its size up to 8. */
  readonly size: number;
}

/** Alignment of a type in bytes: that of the elements of an array, else its size. */
function alignmentOf(btf: Btf, type: number): number {
  const resolved = btf.resolve(type);
  const scalar = resolved.kind === "array" ? btf.array(resolved).element : type;
  return Math.min(Math.max(btf.sizeOf(scalar), 1), 8);
}

/**
 * Lays out the values of the kernel's configuration as libbpf does: by alignment, the largest first, then by size, then
 * by name.
 *
 * @param btf Types of the object.
 * @returns The layout; without values if the object wants none.
 * @throws {DecodeError} If the types are malformed.
 */
export function kconfigLayout(btf: Btf): KconfigLayout {
  const section = btf.find("datasec", ".kconfig");
  const wanted = (section === null ? [] : btf.entries(section)).map(({ type: id }) => {
    const { name, sizeOrType: type } = btf.type(id);
    return { name, type, size: btf.sizeOf(type), alignment: alignmentOf(btf, type) };
  });
  wanted.sort((a, b) => b.alignment - a.alignment || a.size - b.size || (a.name < b.name ? -1 : 1));
  let end = 0;
  const values = wanted.map(({ alignment, ...value }): KconfigValue => {
    const offset = Math.ceil(end / alignment) * alignment;
    end = offset + value.size;
    return { ...value, offset };
  });
  return { section: section?.id ?? 0, values, size: end };
}

/** Most bytes of all values. */
const MAX_SIZE = 1 << 20;

/** Numbers of `n`, `y` and `m` (enum libbpf_tristate). */
const TRISTATE: Readonly<Record<string, bigint>> = { n: 0n, y: 1n, m: 2n };

/** The bytes of a value. */
function encodeValue(
  { name, size, type }: KconfigValue,
  value: bigint | string,
  { btf, order }: ElfObject,
): Uint8Array {
  const bytes = new Uint8Array(size);
  const isText = btf!.resolve(type).kind === "array";
  if (isText) {
    bytes.set(new TextEncoder().encode(String(value)).subarray(0, size - 1));
    return bytes;
  }
  const number = typeof value === "bigint"
    ? value
    : Object.hasOwn(TRISTATE, value)
    ? TRISTATE[value]
    : undefined;
  if (number === undefined) {
    throw new UnsupportedError(`cannot set ${name}: ${JSON.stringify(value)} is not a number`);
  }
  // A `char` holds the letter of a tristate.
  const isLetter = typeof value === "string" && btf!.resolve(type).name === "char";
  let rest = BigInt.asUintN(8 * size, isLetter ? BigInt(value.charCodeAt(0)) : number);
  for (let i = 0; i < size; i++) {
    bytes[order === "little" ? i : size - 1 - i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/**
 * Makes the contents of the map of configuration values.
 *
 * @param layout Where each value lies.
 * @param object The object that wants them.
 * @param valueOf Gives values by name: numbers, texts, or `y`, `n` and `m`; null for what is not known.
 * @returns The bytes; a weak value that nobody gives is 0.
 * @throws {UnsupportedError} If a value that is needed is not given, or does not fit its type.
 */
export function kconfigContents(
  layout: KconfigLayout,
  object: ElfObject,
  valueOf: (name: string) => bigint | string | null,
): Uint8Array {
  if (layout.size > MAX_SIZE) {
    throw new UnsupportedError(
      `cannot load the program: its values of the kernel's configuration take ${layout.size} bytes`,
    );
  }
  const contents = new Uint8Array(layout.size);
  for (const value of layout.values) {
    const known = valueOf(value.name);
    if (known !== null) {
      contents.set(encodeValue(value, known, object), value.offset);
    } else if (!object.symbols.some((s) => s.name === value.name && s.bind === ELF.STB_WEAK)) {
      throw new UnsupportedError(
        `cannot load the program: it needs ${value.name} of the kernel's configuration, which is not given`,
      );
    }
  }
  return contents;
}
