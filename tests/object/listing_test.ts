import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { equalBytes } from "../../lib/bytes.ts";
import { convertProgram, readProgram } from "../../lib/compile.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import { printProgram } from "../../lib/object/listing.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { printObjdump } from "../../lib/object/objdump.ts";
import type { Program } from "../../lib/object/program.ts";
import { findFunction } from "../../lib/object/select.ts";
import { filesUnder, ROOT, SHARED, sharedName, testWith } from "../support.ts";

const OBJECTS = join(ROOT, "testdata", "objects");
const load = (file: string): Program => loadProgram(new Uint8Array(readFileSync(file)));

/** Asserts that the listings of a program assemble to its code sections, one after the other. */
function assertReadsBack(program: Program, name: string): void {
  const code = encode(program.sections.flatMap(({ insns }) => insns), program.order);
  for (const syntax of ["pseudo-c", "mnemonic"] as const) {
    const { insns } = assemble(printProgram(program, { syntax }));
    assert.ok(equalBytes(encode(insns, program.order), code), `${name} in ${syntax}`);
  }
}

Deno.test("listings of the test objects assemble to the same code", () => {
  for (const file of filesUnder(OBJECTS, ".o")) assertReadsBack(load(file), file);
});

testWith("shared", "listings of the corpus assemble to the same code", () => {
  const corpus = join(SHARED, "corpus");
  for (const file of [...filesUnder(corpus, ".o"), ...filesUnder(corpus, ".txt")]) {
    assertReadsBack(load(file), sharedName(file));
  }
});

testWith(
  "llvm",
  "the objdump listing of the test objects is that of llvm-objdump to the byte",
  () => {
    for (const file of filesUnder(OBJECTS, ".o")) {
      const theirs = execFileSync("llvm-objdump-19", ["-d", "--no-show-raw-insn", file]);
      assert.equal(printObjdump(load(file), file), theirs.toString());
    }
  },
);

Deno.test("the objdump listing of a program made of .epir names the functions of each section", () => {
  const text = readFileSync(join(OBJECTS, "externs.o"));
  const epir = convertProgram(readProgram(new Uint8Array(text)), "epir").bytes;
  const program = readProgram(epir, { from: "epir" });
  const listing = printObjdump(program, "externs.epir");
  for (const { name } of program.functions) {
    assert.equal(listing.split(`<${name}>:`).length, 2, name);
  }
});

Deno.test("a listing names functions, source lines, maps and helpers", () => {
  const text = printProgram(load(join(OBJECTS, "firewall.o")));
  assert.match(text, /^# program firewall, 64 instructions\n# firewall\.c:\d+: .*\nfirewall:$/m);
  assert.match(text, /^# subprogram report, 16 instructions$/m);
  assert.match(text, /^ {2}r1 = 0x0 ll # blocked\n {2}call 0x1 # map_lookup_elem$/m);
});

Deno.test("the listing of one function holds that function", () => {
  const program = load(join(OBJECTS, "firewall.o"));
  const report = findFunction(program, "report");
  const text = printProgram(program, { function: report });
  assert.equal(text.match(/^\S+:$/gm)?.[0], "report:");
  assert.equal(assemble(text).insns.length, report.last - report.first);
});

Deno.test("a function is found by name or by its section", () => {
  const program = load(join(OBJECTS, "firewall.o"));
  assert.equal(findFunction(program, "tc").name, "count_egress");
  assert.throws(
    () => findFunction(program, "nope"),
    /cannot find function nope: there are skip_vlan,/,
  );
});

Deno.test("functions of one name get labels of their own, in linear time", () => {
  const verbatim = (code: string): string => `verbatim f section "x" reason "r"\n  ${code}\n`;
  const exit = "9500000000000000";
  const three = readProgram(new TextEncoder().encode(`epir 1\n${verbatim(exit).repeat(3)}`));
  assert.deepEqual(printProgram(three).match(/^\S+(?=:$)/gm), ["f", "f.0", "f.0.2"]);
  const many = readProgram(new TextEncoder().encode(`epir 1\n${verbatim(exit).repeat(20_000)}`));
  const start = performance.now();
  assert.equal(new Set(printProgram(many).match(/^\S+(?=:$)/gm)).size, 20_000);
  assert.ok(performance.now() - start < 10_000);
});
