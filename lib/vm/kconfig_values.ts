/**
 * The values of the kernel's configuration that a program finds: those that the caller gives, and what follows from the
 * sandbox itself.
 *
 * @module
 */

import { UnsupportedError } from "../errors.ts";
import { ELF } from "../object/elf.ts";
import type { ElfObject } from "../object/elf_object.ts";
import type { KconfigLayout, KconfigValue } from "../object/kconfig.ts";

/** Values unless the caller says otherwise. */
const DEFAULTS: Readonly<Record<string, bigint | string>> = {
  // KERNEL_VERSION(6, 18, 0)
  LINUX_KERNEL_VERSION: 0x06_12_00n,
  LINUX_HAS_BPF_COOKIE: 1n,
  LINUX_HAS_SYSCALL_WRAPPER: 1n,
  CONFIG_HZ: 250n,
};

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
  const number = typeof value === "bigint" ? value : TRISTATE[value];
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
 * @param given Values by name: numbers, texts, or `y`, `n` and `m`.
 * @returns The bytes; a weak value that nobody gives is 0.
 * @throws {UnsupportedError} If a value that is needed is not given, or does not fit its type.
 */
export function kconfigContents(
  layout: KconfigLayout,
  object: ElfObject,
  given: Readonly<Record<string, bigint | string>>,
): Uint8Array {
  const contents = new Uint8Array(layout.size);
  for (const value of layout.values) {
    const known = given[value.name] ?? DEFAULTS[value.name];
    if (known !== undefined) {
      contents.set(encodeValue(value, known, object), value.offset);
    } else if (!object.symbols.some((s) => s.name === value.name && s.bind === ELF.STB_WEAK)) {
      throw new UnsupportedError(
        `cannot load the program: it needs ${value.name} of the kernel's configuration, which is not given`,
      );
    }
  }
  return contents;
}
