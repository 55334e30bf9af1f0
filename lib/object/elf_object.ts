/**
 * An ELF object with its type information.
 *
 * @module
 */

import { Btf } from "./btf.ts";
import { type BtfExt, readBtfExt } from "./btf_ext.ts";
import { type ElfFile, type ElfSection, readElf } from "./elf.ts";

/** An ELF object, read. */
export interface ElfObject extends ElfFile {
  /** Its types; null without `.BTF`. */
  readonly btf: Btf | null;
  /** Its instruction records; null without `.BTF.ext` or without `.BTF`, which holds their strings. */
  readonly btfExt: BtfExt | null;
  /** The section `.BTF.ext`, if `btfExt` is there. */
  readonly btfExtSection: ElfSection | null;
}

/**
 * Reads an object.
 *
 * @param bytes The whole file.
 * @returns The object; contents are views of `bytes`.
 * @throws {DecodeError} If it is malformed.
 * @throws {UnsupportedError} If it is ELF of another kind.
 */
export function readElfObject(bytes: Uint8Array): ElfObject {
  const file = readElf(bytes);
  const types = file.sections.find((s) => s.name === ".BTF" && s.size > 0);
  const btf = types === undefined ? null : new Btf(types.bytes, file.order);
  const records = file.sections.find((s) => s.name === ".BTF.ext" && s.size > 0);
  const btfExtSection = btf === null || records === undefined ? null : records;
  const btfExt = btfExtSection === null ? null : readBtfExt(btfExtSection.bytes, file.order);
  return { ...file, btf, btfExt, btfExtSection };
}
