import assert from "node:assert/strict";
import { EpassError, UnsupportedError } from "../../lib/errors.ts";
import { decode, encode } from "../../lib/isa/codec.ts";
import { guessFormat, loadProgram } from "../../lib/object/load.ts";
import type { Format } from "../../lib/object/program.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { writeProgram } from "../../lib/object/write.ts";
import { ROOT } from "../support.ts";
import { padAll } from "./shift.ts";

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** `r0 = 1; exit`. */
const CODE = new Uint8Array([0xb7, 0, 0, 0, 1, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
const DUMP = "4294967479\n149\n";

Deno.test("formats are guessed from the content", () => {
  const cases: [Format, Uint8Array][] = [
    ["elf", Deno.readFileSync(`${ROOT}/testdata/objects/legacy.o`)],
    ["dump", bytesOf(DUMP)],
    ["dump", bytesOf("0x1000000b7\n0x95")],
    ["dump", bytesOf("\r\n149\r\n")],
    ["dump", bytesOf("9500000000000000\n")],
    ["hex", bytesOf("b7 00 00 00 01 00 00 00\n95 00 00 00 00 00 00 00\n")],
    ["hex", bytesOf("b7000000010000009500000000000000")],
    ["hex", bytesOf("0xb7, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00")],
    ["hex", bytesOf("0700000001000000\n")],
    ["hex", bytesOf("\\x95\\x00\\x00\\x00\\x00\\x00\\x00\\x00")],
    ["asm", bytesOf("r0 = 1\nexit\n")],
    ["asm", bytesOf("mov %r0, 1\nexit\n")],
    ["epir", bytesOf("; a comment\n# another\n\n// and one\nepir 1\nfunc main {\n")],
    ["raw", CODE],
    ["raw", new Uint8Array(0)],
  ];
  for (const [format, bytes] of cases) assert.equal(guessFormat(bytes), format, textOf(bytes));
});

Deno.test("guessing takes linear time on hostile text", () => {
  for (const unit of ["0x", "ab ", " ", "\n", "; c\n", "9", "0", ",", "a\n"]) {
    const text = bytesOf(unit.repeat(2_000_000 / unit.length) + "!");
    const start = performance.now();
    guessFormat(text);
    assert.ok(performance.now() - start < 2000, JSON.stringify(unit));
  }
});

Deno.test("all stream formats read to the same instructions", () => {
  const inputs = [
    CODE,
    bytesOf(DUMP),
    bytesOf("0x00000001000000B7\n0x0000000000000095\n"),
    bytesOf("b700000001000000 9500000000000000"),
    bytesOf("r0 = 1\nexit\n"),
  ];
  for (const bytes of inputs) {
    const { sections } = loadProgram(bytes);
    assert.deepEqual(encode(sections[0].insns), CODE, textOf(bytes));
  }
});

Deno.test("a rewrite keeps the notation of its input", () => {
  const cases = [
    ["4294967479\n149\n", "4294967479\n5\n149\n"],
    ["4294967479\r\n149", "4294967479\r\n5\r\n149"],
    ["0x1000000b7\n0x95\n", "0x1000000b7\n0x5\n0x95\n"],
    [
      "0x00000001000000B7\n0x0000000000000095",
      "0x00000001000000B7\n0x0000000000000005\n0x0000000000000095",
    ],
    [
      "b700000001000000\n9500000000000000\n",
      "b700000001000000\n0500000000000000\n9500000000000000\n",
    ],
    [
      "B7 00 00 00 01 00 00 00 95 00 00 00 00 00 00 00",
      "B7 00 00 00 01 00 00 00 05 00 00 00 00 00 00 00 95 00 00 00 00 00 00 00",
    ],
  ];
  for (const [input, expected] of cases) {
    const program = loadProgram(bytesOf(input));
    const { bytes } = rewriteProgram(program, padAll(program, (i) => i === 0 ? 1 : 0));
    assert.equal(textOf(bytes), expected);
  }
});

Deno.test("streams are cut at calls and at function addresses", () => {
  // main calls at 3 and takes the address of 5 (lddw r2 at 1).
  const text = "call 3\nr2 = 0 ll\nexit\nr0 = 1\nexit\nr0 = 2\nexit\n";
  const code = encode(loadProgram(bytesOf(text)).sections[0].insns);
  code[1] = 0x10;
  code[9] = 0x42;
  code[12] = 4;
  const { functions, sections } = loadProgram(code);
  assert.deepEqual(functions.map((f) => f.section.slots[f.first]), [0, 4, 6]);
  assert.deepEqual(functions.map((f) => f.subprogram), [false, true, true]);
  assert.deepEqual(functions.map((f) => f.name), ["main", "main+0x20", "main+0x30"]);
  assert.deepEqual(sections[0].targets.get(1), { kind: "function", index: 2 });
});

Deno.test("assembly labels name functions", () => {
  const { functions } = loadProgram(
    bytesOf("call add_one\nexit\nadd_one:\nr0 = r1\nr0 += 1\nexit\n"),
    {
      from: "asm",
    },
  );
  assert.deepEqual(functions.map((f) => f.name), ["main", "add_one"]);
});

Deno.test("a function and what it calls becomes a stream and an object again", () => {
  const program = loadProgram(Deno.readFileSync(`${ROOT}/testdata/objects/firewall.o`));
  const { bytes, notes } = writeProgram(program, "raw", { function: "firewall" });
  assert.equal(bytes.length % 8, 0);
  assert.match(notes[0], /lost \d+ relocations/);
  const stream = loadProgram(bytes, { from: "raw" });
  assert.equal(stream.functions.length, 4);
  const made = loadProgram(writeProgram(stream, "elf", { section: "xdp" }).bytes);
  assert.deepEqual(made.functions.map((f) => f.name), [
    "main",
    ...stream.functions.slice(1).map((f) => f.name),
  ]);
  assert.equal(made.functions[0].section.name, "xdp");
  assert.deepEqual(encode(made.sections[0].insns), bytes);
  for (const to of ["dump", "hex", "asm"] as const) {
    const back = loadProgram(writeProgram(stream, to).bytes, { from: to });
    assert.deepEqual(encode(back.sections[0].insns), bytes, to);
  }
});

Deno.test("conversions that are not clear are refused", () => {
  const program = loadProgram(Deno.readFileSync(`${ROOT}/testdata/objects/firewall.o`));
  assert.throws(() => writeProgram(program, "raw"), /3 to choose from: firewall, count_egress/);
  assert.throws(() => writeProgram(program, "raw", { function: "none" }), /no function none/);
  assert.throws(() => writeProgram(program, "epir"), UnsupportedError);
  assert.throws(() => loadProgram(bytesOf("epir 1\n")), UnsupportedError);
  assert.throws(() => loadProgram(new Uint8Array(7)), EpassError);
  const big = loadProgram(Deno.readFileSync(`${ROOT}/testdata/objects/big_endian.o`));
  assert.throws(() => writeProgram(big, "dump", { function: "count_egress" }), /big-endian/);
});

Deno.test("errors name the input", () => {
  try {
    loadProgram(bytesOf("149\n18446744073709551616\n"), { from: "dump", input: "x.txt" });
    assert.fail("it was accepted");
  } catch (error) {
    assert.ok(error instanceof EpassError);
    assert.deepEqual(error.place, { input: "x.txt", line: 2, column: 1 });
  }
});

Deno.test("decoding keeps undefined encodings of a stream", () => {
  const odd = new Uint8Array(16).fill(0xff);
  assert.deepEqual(rewriteProgram(loadProgram(odd), new Map()).bytes, odd);
  assert.deepEqual(encode(decode(odd)), odd);
});
