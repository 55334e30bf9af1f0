import assert from "node:assert/strict";
import { equalBytes } from "../../lib/bytes.ts";
import { writeBtfExt } from "../../lib/object/btf_ext.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { filesUnder, ROOT, SHARED, testWith } from "../support.ts";
import { padAll } from "./shift.ts";

/** Rewrites every function to itself, which goes through all of the writer. */
function checkIdentity(file: string): void {
  const bytes = Deno.readFileSync(file);
  const program = loadProgram(bytes, { input: file });
  assert.ok(equalBytes(rewriteProgram(program, new Map()).bytes, bytes), `${file}: no changes`);
  const { bytes: same, notes } = rewriteProgram(program, padAll(program, () => 0));
  assert.ok(equalBytes(same, bytes), `${file}: every function rewritten to itself`);
  assert.deepEqual(notes, []);
  const ext = program.elf?.btfExt;
  if (ext != null) {
    const { bytes: records } = writeBtfExt(ext);
    assert.ok(equalBytes(records, program.elf!.btfExtSection!.bytes), `${file}: .BTF.ext`);
  }
}

Deno.test("own objects rewritten to themselves are the same bytes", () => {
  const files = filesUnder(`${ROOT}/testdata/objects`, ".o");
  assert.ok(files.length >= 5);
  for (const file of files) checkIdentity(file);
});

testWith("shared", "corpus objects and dumps rewritten to themselves are the same bytes", () => {
  const files = [
    ...filesUnder(`${SHARED}/corpus/objects`, ".o"),
    ...filesUnder(`${SHARED}/corpus/dumps`, ".txt"),
  ];
  assert.ok(files.length >= 300);
  for (const file of files) checkIdentity(file);
});
