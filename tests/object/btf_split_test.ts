/**
 * Split BTF: the types of `core_target.c` stand for a kernel, a module adds some of its own.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DecodeError } from "../../lib/errors.ts";
import { SplitBtf } from "../../lib/object/btf_split.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { ROOT } from "../support.ts";
import { moduleOf } from "./module_btf.ts";

const file = join(ROOT, "testdata", "objects", "core_target.o");
const base = loadProgram(new Uint8Array(readFileSync(file))).elf!.btf!;

/** A struct of one member whose type is the kernel's `peer`, and a function without parameters. */
const bytes = moduleOf(base, (module) => {
  const peer = base.find("struct", "peer")!.id;
  module.struct("gadget", 16, [{ name: "owner", type: peer, bitOffset: 0 }]);
  module.struct("gadget___old", 8, []);
  module.func("gadget_poke", module.proto());
});

Deno.test("ids and strings of a module go on where those of the kernel end", () => {
  const split = new SplitBtf(base, bytes);
  const gadget = split.find("struct", "gadget");
  assert.equal(gadget, base.count);
  assert.equal(split.find("func", "gadget_poke"), base.count + 3);
  assert.equal(split.find("struct", "gadget_poke"), 0);
  assert.equal(split.find("struct", "peer"), 0);
  const { joined } = split;
  assert.deepEqual(joined.members(joined.type(gadget)), [
    { name: "owner", type: base.find("struct", "peer")!.id, bitOffset: 0, bitSize: 0 },
  ]);
  assert.equal(joined.type(base.find("struct", "peer")!.id).name, "peer");
  assert.equal(joined.find("func", "gadget_poke")?.id, base.count + 3);
});

Deno.test("a module has the types of an essential name", () => {
  const split = new SplitBtf(base, bytes);
  assert.ok(split.has("gadget___new"));
  assert.ok(!split.has("peer"));
});

Deno.test("a malformed module is refused", () => {
  for (const size of [0, 3, 23, 30]) {
    assert.throws(() => new SplitBtf(base, bytes.subarray(0, size)), DecodeError);
  }
});
