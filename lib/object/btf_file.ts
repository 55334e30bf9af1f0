/**
 * Files that hold types: raw BTF, as `/sys/kernel/btf/vmlinux`, or an ELF file with a section `.BTF`.
 *
 * @module
 */

import { DecodeError } from "../errors.ts";
import { isElf, readElf } from "./elf.ts";

/**
 * Finds the types in a file.
 *
 * @param bytes The file.
 * @returns The bytes of its BTF.
 * @throws {DecodeError} If it is an ELF file without types, or a malformed one.
 */
export function btfOf(bytes: Uint8Array): Uint8Array {
  if (!isElf(bytes)) return bytes;
  const section = readElf(bytes).sections.find(({ name }) => name === ".BTF");
  if (section === undefined) throw new DecodeError("cannot read types: the file has no .BTF");
  return section.bytes;
}
