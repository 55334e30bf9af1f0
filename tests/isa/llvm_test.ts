import { deepEqual, equal } from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { decode, encode } from "../../lib/isa/codec.ts";
import { disassemble } from "../../lib/isa/disassemble.ts";
import type { Instruction } from "../../lib/isa/instruction.ts";
import { OPS } from "../../lib/isa/ops.ts";
import { readElf } from "../../lib/object/elf.ts";
import { compareObject } from "../../scripts/compare_objdump.ts";
import { filesUnder, SHARED, sharedName, testWith } from "../support.ts";
import { instructionsOf, SEED } from "./generators.ts";

/** Assembles a text with LLVM into an object, and hands over its path. */
function withObject(text: string, use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "epass-"));
  try {
    const source = join(folder, "x.s"), object = join(folder, "x.o");
    writeFileSync(source, text);
    const flags = ["-triple", "bpfel", "-mcpu=v4", "-filetype=obj", source, "-o", object];
    execFileSync("llvm-mc-19", flags, { stdio: "pipe" });
    use(object);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Instructions of every row of the table, a few for each. */
function samples(): Instruction[] {
  return OPS.flatMap((op) => fc.sample(instructionsOf(op), { numRuns: 8, seed: SEED }));
}

testWith(
  "llvm",
  "every row prints as llvm-objdump prints it, but for the listed differences",
  () => {
    const bytes = [...encode(samples())].join(",");
    withObject(`.text\nmain:\n.byte ${bytes}\n`, (path) => {
      const { unlisted } = compareObject(path, "samples");
      deepEqual({ seed: SEED, unlisted }, { seed: SEED, unlisted: [] });
    });
  },
);

/** Whether the assembler of LLVM 19 has a text for it. It takes distances of 16 bits only. */
function llvmKnows({ op, imm }: Instruction): boolean {
  switch (op.kind) {
    case "gotox":
      return false;
    case "atomic":
      return op.fn !== "load_acquire" && op.fn !== "store_release";
    case "packet":
      return op.fn === "abs" || imm === 0;
    case "lddw":
      return op.fn === "imm64";
    case "call":
      return op.fn === "helper";
    case "goto":
      return op.fn === "near" || imm === (imm << 16 >> 16);
    default:
      return true;
  }
}

testWith("llvm", "llvm-mc encodes our pseudo-C text to the same bytes", () => {
  const insns = samples().filter(llvmKnows);
  const text = disassemble(insns, { numeric: true });
  withObject(text, (path) => {
    const code = readElf(new Uint8Array(readFileSync(path))).sections.find((s) =>
      s.name === ".text"
    );
    equal(disassemble(decode(code!.bytes), { numeric: true }), text, `seed ${SEED}`);
  });
});

testWith(["shared", "llvm"], "the corpus prints as llvm-objdump prints it", () => {
  for (const path of filesUnder(join(SHARED, "corpus", "objects"), ".o")) {
    const { unlisted, explained } = compareObject(path, sharedName(path));
    deepEqual(unlisted, []);
    deepEqual(explained.filter((count) => count > 0), []);
  }
});
