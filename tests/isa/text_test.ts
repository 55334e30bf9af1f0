import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { assemble } from "../../lib/isa/assemble.ts";
import { disassemble, type Syntax } from "../../lib/isa/disassemble.ts";
import type { Instruction } from "../../lib/isa/instruction.ts";
import { OPS } from "../../lib/isa/ops.ts";
import { EpassError, ParseError } from "../../lib/errors.ts";
import { decodedBytes, instructionsOf, SEED } from "./generators.ts";

const SYNTAXES: readonly Syntax[] = ["pseudo-c", "mnemonic"];

/** Checks that instructions survive printing and parsing, with labels and without. */
function checkRoundTrip(insns: readonly Instruction[]): void {
  for (const syntax of SYNTAXES) {
    for (const numeric of [false, true]) {
      const text = disassemble(insns, { syntax, numeric });
      deepEqual(assemble(text, { syntax }).insns, insns, text);
    }
  }
}

Deno.test("parse undoes print for every row, in both syntaxes", () => {
  for (const op of OPS) {
    fc.assert(
      fc.property(instructionsOf(op), (insn) => checkRoundTrip([insn])),
      { numRuns: 30, seed: SEED },
    );
  }
});

Deno.test("parse undoes print for undefined encodings", () => {
  fc.assert(
    fc.property(decodedBytes, (insn) => checkRoundTrip([insn])),
    { numRuns: 1000, seed: SEED },
  );
});

Deno.test("parse undoes print for streams with jumps and calls", () => {
  const any = fc.oneof(...OPS.map(instructionsOf));
  const near = any.map((insn) => {
    const jumps = insn.op.kind === "branch" || insn.op.kind === "goto" ||
      insn.op.kind === "may_goto";
    if (jumps && insn.op.fn !== "far") insn.off %= 20;
    if (insn.op.fn === "far" || insn.op.fn === "local" || insn.op.fn === "func") insn.imm %= 20;
    return insn;
  });
  fc.assert(
    fc.property(fc.array(near, { maxLength: 30 }), checkRoundTrip),
    { numRuns: 300, seed: SEED },
  );
});

Deno.test("any text gives instructions or a ParseError with its place", () => {
  const piece = fc.constantFrom(
    ...'r1 w2 = += s>>= * ( ) u64 *) - 8 0x10 ll lock if goto L1 L1: call pc +3 %r1 , [ ] exit \n # .insn " skb map_fd'
      .split(" "),
  );
  const text = fc.oneof(fc.array(piece, { maxLength: 12 }).map((p) => p.join(" ")), fc.string());
  fc.assert(
    fc.property(text, (text) => {
      try {
        assemble(text);
      } catch (error) {
        ok(error instanceof ParseError, String(error));
        ok(error.place.line! >= 1 && error.place.column! >= 1);
      }
    }),
    { numRuns: 5000, seed: SEED },
  );
});

Deno.test("labels with any names survive", () => {
  const text = 'call "a b"\ncall "pc"\nexit\n"a b":\n"pc": exit\n';
  const { insns, labels } = assemble(text);
  deepEqual([...labels], [["a b", 3], ["pc", 3]]);
  const names = new Map([[0, "kfunc"], [2, 'quote"\n'], [3, "kfunc"]]);
  const printed = disassemble(insns, { labels: names });
  equal(
    printed,
    '"kfunc":\n  call kfunc.3\n  call kfunc.3\n"quote\\"\\n":\n  exit\nkfunc.3:\n  exit\n',
  );
  deepEqual(assemble(printed).insns, insns);
});

Deno.test("what people write", () => {
  const same = (text: string, syntax: Syntax, ...lines: string[]) =>
    equal(
      disassemble(assemble(text).insns, { syntax, numeric: true }),
      lines.map((l) => `  ${l}\n`).join(""),
    );
  same("r1=5 # five", "pseudo-c", "r1 = 0x5");
  same("\tw1 = *( u32* ) (r2+4) // load", "pseudo-c", "r1 = *(u32 *)(r2 + 0x4)");
  same("*(u16 *)(r10 - 2) = w3 ; store", "pseudo-c", "*(u16 *)(r10 - 0x2) = r3");
  same("r0 = 0xffffffff", "pseudo-c", "r0 = -0x1");
  same("r0 = 0xffffffffffffffff ll", "pseudo-c", "r0 = -0x1 ll");
  same("goto +3 <main+0x20>", "pseudo-c", "goto +0x3");
  same("ld_pseudo r1, 0x1, 0x5", "pseudo-c", "r1 = map_fd 0x5 ll");
  same("a: b: exit", "pseudo-c", "exit");
  same("r1 = 1\ncall bpf_map_lookup_elem", "pseudo-c", "r1 = 0x1", "call 0x1");
  same("call ktime_get_ns", "pseudo-c", "call 0x5");
  same("exit: goto exit", "pseudo-c", "goto -0x1");
  same("L0: call local L0\nexit", "mnemonic", "call local -0x1", "exit");
  same("local: call local\nexit", "pseudo-c", "call pc-0x1", "exit");
  same(
    "jne %r1, 0x8, exit\nmov %r0, 1\nexit\nexit",
    "mnemonic",
    "jne %r1, 0x8, +0x1",
    "mov %r0, 0x1",
    "exit",
    "exit",
  );
  same("ja32 end\nend:\nexit", "mnemonic", "ja32 +0x0", "exit");
  same("lock fetch add32 [%r10-4], %r1", "mnemonic", "lock fetch add32 [%r10-0x4], %r1");
  same("swap16 %r1", "mnemonic", "bswap16 %r1");
  same("call helper 5\nexit\nldabsb 1", "mnemonic", "call 0x5", "exit", "ldabsb 0x1");
});

Deno.test("directives", () => {
  const { insns, labels, sections, globals } = assemble(`
    .section xdp/ingress
    .globl main
  main:
    call other
    exit
    .text
  other:
    .insn 0xb7, 1, 0, 0, 5
    exit
  `);
  equal(disassemble(insns), "  call L2\n  exit\nL2:\n  r1 = 0x5\n  exit\n");
  deepEqual([...labels], [["main", 0], ["other", 2]]);
  deepEqual(sections, [{ name: "xdp/ingress", first: 0, slot: 0 }, {
    name: ".text",
    first: 2,
    slot: 2,
  }]);
  deepEqual([...globals], ["main"]);
});

Deno.test("errors name the place", () => {
  const failure = (text: string, message: string, line: number, column: number) =>
    throws(() => assemble(text, { input: "x.s" }), (error: unknown) => {
      ok(error instanceof EpassError);
      equal(error.message, message);
      deepEqual(error.place, { input: "x.s", line, column });
      return true;
    });
  failure("r1 = 1\nr2 ? 3", 'cannot assemble line 2: expected an assignment, found "? 3"', 2, 4);
  failure("r1 = r2 r3", 'cannot assemble line 1: expected the end of the line, found "r3"', 1, 9);
  failure("w1 = r2", 'cannot assemble line 1: expected a 32-bit register, found "r2"', 1, 6);
  failure(
    "r1 = 0x100000000",
    "cannot assemble line 1: 0x100000000 is not in the range -2147483648 to 4294967295",
    1,
    6,
  );
  failure("goto nowhere", 'cannot assemble line 1: the label "nowhere" is not defined', 1, 6);
  failure("a:\na:", 'cannot assemble line 2: the label "a" is defined twice', 2, 1);
  failure(
    "goto",
    "cannot assemble line 1: expected a label or a distance, found the end of the line",
    1,
    5,
  );
  failure("mov %r1", 'cannot assemble line 1: expected ",", found the end of the line', 1, 8);
  failure("r11 = 1", 'cannot assemble line 1: expected an instruction, found "r11 = 1"', 1, 1);
  const far = `goto end\n${"r0 = 0\n".repeat(40_000)}end: exit`;
  failure(
    far,
    "cannot assemble line 1: the label is 40000 slots away, which does not fit 16 bits",
    1,
    6,
  );
});
