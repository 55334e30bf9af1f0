import { deepEqual, equal, ok } from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ByteOrder } from "../../lib/bytes.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { decode, encode } from "../../lib/isa/codec.ts";
import { disassemble } from "../../lib/isa/disassemble.ts";
import { isCode } from "../../lib/object/code_section.ts";
import { readElf } from "../../lib/object/elf.ts";
import { parseDump } from "../../lib/object/text_formats.ts";
import { filesUnder, SHARED, sharedName, testWith } from "../support.ts";

/** Checks that code survives decoding and encoding, and printing and parsing in both syntaxes. */
function checkCode(name: string, bytes: Uint8Array, order: ByteOrder): void {
  const insns = decode(bytes, order);
  ok(Buffer.from(encode(insns, order)).equals(bytes), `${name}: encode(decode) differs`);
  for (const syntax of ["pseudo-c", "mnemonic"] as const) {
    const parsed = assemble(disassemble(insns, { syntax }), { input: name }).insns;
    ok(Buffer.from(encode(parsed, order)).equals(bytes), `${name}: asm(dis) differs in ${syntax}`);
  }
}

testWith("shared", "objects of the corpus survive decode-encode and dis-asm", () => {
  for (const path of filesUnder(join(SHARED, "corpus", "objects"), ".o")) {
    const file = readElf(new Uint8Array(readFileSync(path)));
    for (const section of file.sections) {
      if (isCode(section)) {
        checkCode(`${sharedName(path)} ${section.name}`, section.bytes, file.order);
      }
    }
  }
});

testWith("shared", "dumps of the corpus survive decode-encode and dis-asm", () => {
  for (const path of filesUnder(join(SHARED, "corpus", "dumps"), ".txt")) {
    checkCode(sharedName(path), parseDump(readFileSync(path, "utf8")), "little");
  }
});

testWith("shared", "conformance programs assemble, and survive dis-asm in both syntaxes", () => {
  let count = 0;
  for (const path of filesUnder(join(SHARED, "conformance"), ".data")) {
    const sections = new Map<string, string>();
    for (const part of readFileSync(path, "utf8").split(/^-- /m).slice(1)) {
      const end = part.indexOf("\n");
      sections.set(part.slice(0, end).trim(), part.slice(end + 1));
    }
    const name = sharedName(path);
    const text = sections.get("asm");
    if (text === undefined) continue;
    count++;
    const { insns } = assemble(text, { input: name });
    const raw = sections.get("raw");
    if (raw !== undefined) deepEqual(encode(insns), parseDump(raw), name);
    checkCode(name, encode(insns), "little");
  }
  equal(count, 313);
});
