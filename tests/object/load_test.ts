import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../../lib/compile.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { ROOT } from "../support.ts";

Deno.test("an input in a Buffer, whose slice is a view, is left as it was", () => {
  const buffer = readFileSync(join(ROOT, "testdata/objects/firewall.o"));
  const copy = Uint8Array.from(buffer);
  const fromBuffer = compileProgram(loadProgram(buffer));
  assert.deepEqual(Uint8Array.from(buffer), copy);
  assert.deepEqual(fromBuffer.bytes, compileProgram(loadProgram(copy)).bytes);
  assert.ok(!(fromBuffer.bytes instanceof Buffer));
});
