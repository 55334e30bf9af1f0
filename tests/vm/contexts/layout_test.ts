/**
 * Layouts of the structs: as a C compiler lays out those of linux/bpf.h.
 *
 * @module
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EpassError } from "../../../lib/errors.ts";
import { type Layout, layout, readFields, writeFields } from "../../../lib/vm/contexts/layout.ts";
import * as structs from "../../../lib/vm/contexts/structs.ts";
import { testWith } from "../../support.ts";

/** Structs that linux/bpf.h does not have, and fields that older ones lack. */
const ABSENT: ReadonlySet<string> = new Set(["bpf_nf_ctx"]);
const LATER: ReadonlySet<string> = new Set(["skb_hwtstamp"]);

/** A C program that prints offset and size of fields. */
function probe(all: readonly Layout[]): string {
  const lines = all.flatMap(({ name, fields }) =>
    fields.filter((field) => !LATER.has(field.name)).map((field) =>
      `printf("${name} ${field.name} %zu %zu\\n", offsetof(struct ${name}, ${field.name}), ` +
      `sizeof(((struct ${name} *)0)->${field.name}));`
    )
  );
  return `#include <linux/bpf.h>\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n${
    lines.join("\n")
  }\nreturn 0;\n}\n`;
}

testWith("cc", "every field lies where a C compiler puts it", () => {
  const all = Object.values(structs).filter(({ name }) => !ABSENT.has(name));
  const folder = mkdtempSync(join(tmpdir(), "epass-layout-"));
  try {
    const source = join(folder, "probe.c"), program = join(folder, "probe");
    writeFileSync(source, probe(all));
    execFileSync("cc", ["-o", program, source]);
    const printed = execFileSync(program, { encoding: "utf8" }).trimEnd().split("\n");
    const expected = all.flatMap(({ name, fields }) =>
      fields.filter((field) => !LATER.has(field.name))
        .map((field) => `${name} ${field.name} ${field.offset} ${field.size * field.count}`)
    );
    assert.deepEqual(expected, printed);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

const STRUCT = layout("sample", "u8 a; u32 b, c[2], @4, d; u64 e; u16 f");

Deno.test("fields are aligned, unions overlap, the size is a multiple of the alignment", () => {
  assert.deepEqual(STRUCT.fields.map(({ name, offset }) => [name, offset]), [
    ["a", 0],
    ["b", 4],
    ["c", 8],
    ["d", 4],
    ["e", 8],
    ["f", 16],
  ]);
  assert.equal(STRUCT.size, 24);
});

Deno.test("values are written and read in either byte order", () => {
  for (const order of ["little", "big"] as const) {
    const bytes = new Uint8Array(STRUCT.size);
    writeFields(STRUCT, bytes, order, { a: 0x1ff, b: -1, "c[1]": 7n, f: 0x1234 });
    const fields = readFields(STRUCT, bytes, order);
    assert.deepEqual([fields.a, fields.b, fields["c[1]"], fields.f], [
      0xffn,
      0xffff_ffffn,
      7n,
      0x1234n,
    ]);
    assert.equal(bytes[16], order === "little" ? 0x34 : 0x12);
  }
});

Deno.test("arrays take numbers or bytes, and no more than fit", () => {
  const bytes = new Uint8Array(STRUCT.size);
  writeFields(STRUCT, bytes, "little", { c: [1, 2] });
  assert.deepEqual([...bytes.subarray(8, 16)], [1, 0, 0, 0, 2, 0, 0, 0]);
  writeFields(STRUCT, bytes, "little", { c: Uint8Array.of(9, 8, 7) });
  assert.deepEqual([...bytes.subarray(8, 12)], [9, 8, 7, 0]);
  for (const values of [{ c: [1, 2, 3] }, { c: new Uint8Array(9) }, { g: 1 }, { "c[2]": 1 }]) {
    assert.throws(() => writeFields(STRUCT, bytes, "little", values), EpassError);
  }
});
