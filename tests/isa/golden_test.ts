import { deepEqual, equal } from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assemble } from "../../lib/isa/assemble.ts";
import { decode, encode } from "../../lib/isa/codec.ts";
import { printInstruction } from "../../lib/isa/disassemble.ts";
import { Instruction, invalidInstruction } from "../../lib/isa/instruction.ts";
import { FIELD, OPS } from "../../lib/isa/ops.ts";
import { printHex } from "../../lib/object/text_formats.ts";
import { ROOT } from "../support.ts";

/** Each row of the table with fixed operands: its bytes, then its text in both syntaxes. */
const GOLDEN = join(ROOT, "testdata", "isa", "instructions.txt");

/** One instruction of each row: r1, r2, -8, 0x1234 and 5 wherever the row has such an operand. */
function examples(): Instruction[] {
  const insns = OPS.map((op) => {
    const operand = (field: number, value: number) => (op.fields & field) !== 0 ? value : 0;
    return new Instruction(
      op,
      operand(FIELD.dst, 1),
      operand(FIELD.src, 2),
      operand(FIELD.off, -8),
      operand(FIELD.imm, 0x1234),
      op.kind === "lddw" ? 5 : 0,
    );
  });
  return [...insns, invalidInstruction(0xff, 1, 2, -8, 0x1234)];
}

function line(insn: Instruction): string {
  const bytes = printHex(encode([insn])).replace(/\s+/g, "");
  const texts = (["pseudo-c", "mnemonic"] as const)
    .map((syntax) => printInstruction(insn, 0, { syntax }));
  return [bytes.padEnd(32), texts[0].padEnd(48), texts[1]].join(" | ");
}

Deno.test("every row has its bytes and texts (EPASS_UPDATE=1 rewrites them)", () => {
  const text = examples().map((insn) => line(insn) + "\n").join("");
  if (Deno.env.get("EPASS_UPDATE") === "1") {
    mkdirSync(join(GOLDEN, ".."), { recursive: true });
    writeFileSync(GOLDEN, text);
  }
  equal(text, readFileSync(GOLDEN, "utf8"));
});

Deno.test("the golden texts parse to the golden bytes", () => {
  for (const row of readFileSync(GOLDEN, "utf8").trimEnd().split("\n")) {
    const [hex, pseudoC, mnemonic] = row.split(" | ").map((cell) => cell.trim());
    const bytes = Uint8Array.from(hex.match(/../g)!, (pair) => parseInt(pair, 16));
    const insns = decode(bytes);
    deepEqual(assemble(pseudoC).insns, insns, row);
    deepEqual(assemble(mnemonic, { syntax: "mnemonic" }).insns, insns, row);
  }
});
