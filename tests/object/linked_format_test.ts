import assert from "node:assert/strict";
import { compileProgram } from "../../lib/compile.ts";
import { EpassError } from "../../lib/errors.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import {
  encodeLinked,
  isLinked,
  type LinkedProgram,
  readLinked,
} from "../../lib/object/linked_format.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { writeProgram } from "../../lib/object/write.ts";
import { padAll } from "./shift.ts";

/** Records of words. */
function table(rows: readonly (readonly number[])[]): { recordSize: number; bytes: Uint8Array } {
  return {
    recordSize: 4 * (rows[0]?.length ?? 0),
    bytes: new Uint8Array(Uint32Array.from(rows.flat()).buffer),
  };
}

const rowsOf = ({ recordSize, bytes }: { recordSize: number; bytes: Uint8Array }): number[][] => {
  const words = new Uint32Array(bytes.slice().buffer);
  return Array.from(
    { length: bytes.length / recordSize },
    (_, i) => [...words.subarray(i * recordSize / 4, (i + 1) * recordSize / 4)],
  );
};

/** Two functions: the second one is called, and starts at slot 5. */
const CODE = `
  r1 = map_fd 7 ll
  call double
  r0 += 1
  exit
double:
  r0 = 6
  r0 += r0
  exit
`;

/** The program with types 3 and 4, and four lines. */
function example(): LinkedProgram {
  return {
    order: "little",
    name: "answer",
    insns: encode(assemble(CODE).insns),
    functions: table([[0, 3], [5, 4]]),
    lines: table([[0, 1, 2, 1024], [3, 1, 3, 2048], [5, 1, 4, 3072], [6, 1, 5, 4096]]),
    btf: new Uint8Array(0),
  };
}

Deno.test("a linked program is recognised, and is read and written to the byte", () => {
  const bytes = encodeLinked(example());
  assert.ok(isLinked(bytes));
  const program = loadProgram(bytes);
  assert.equal(program.format, "linked");
  assert.deepEqual(program.functions.map((fn) => fn.name), ["answer", "main+0x28"]);
  assert.deepEqual(encodeLinked(readLinked(bytes)), bytes);
  assert.deepEqual(rewriteProgram(program, new Map()).bytes, bytes);
  assert.deepEqual(readLinked(compileProgram(program).bytes), readLinked(bytes));
});

Deno.test("records of a linked program follow their instructions", () => {
  const program = loadProgram(encodeLinked(example()));
  const moved = readLinked(rewriteProgram(program, padAll(program, (i) => i % 3)).bytes);
  const start = rowsOf(moved.functions)[1][0];
  assert.ok(start > 5);
  assert.deepEqual(rowsOf(moved.functions), [[0, 3], [start, 4]]);
  const lines = rowsOf(moved.lines);
  assert.deepEqual(
    lines.map((line) => line.slice(1)),
    rowsOf(example().lines).map((l) => l.slice(1)),
  );
  assert.equal(lines[0][0], 0);
  assert.equal(lines[2][0], start);
});

Deno.test("a stream as a linked program has no records", () => {
  const code = encode(assemble("r0 = 1\nexit\n").insns);
  const linked = readLinked(writeProgram(loadProgram(code), "linked").bytes);
  assert.equal(linked.name, "main");
  assert.deepEqual(linked.insns, code);
  assert.equal(linked.functions.bytes.length + linked.lines.bytes.length, 0);
});

Deno.test("a malformed linked program is refused", () => {
  const good = encodeLinked(example());
  const changed = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  };
  const cases: readonly [Uint8Array, RegExp][] = [
    [changed(4, 2), /version 2 is not known/],
    [changed(8, 0xffffffff), /exceed its/],
    [changed(12, 0xffffffff), /exceed its/],
    [changed(16, 0xffffffff), /exceed its/],
    [changed(20, 4), /func_info records of 4 bytes/],
    [changed(28, 18), /line_info records of 18 bytes/],
    [good.subarray(0, 40), /exceed its/],
    [good.subarray(0, good.length - 1), /exceed its/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(
      () => loadProgram(bytes),
      (error) => error instanceof EpassError && message.test(error.message),
    );
  }
  for (const value of [6, 0x7fffffff, 0xffffffff]) {
    for (const at of [48 + 64 + 8, 48 + 64 + 16 + 16]) {
      const program = loadProgram(changed(at, value));
      rewriteProgram(program, padAll(program, (i) => i % 3));
    }
  }
});
