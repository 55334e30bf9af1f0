/**
 * Map files, the sizes that maps are created with, and which instructions stand for maps.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ParseError } from "../../lib/errors.ts";
import { MAP_TYPES } from "../../lib/object/kernel_names.ts";
import { bindHandles, linkLoadable } from "../../lib/object/loadable.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { parseMapFile } from "../../lib/object/map_file.ts";
import { plannedSizes } from "../../lib/object/map_plan.ts";
import { findFunction } from "../../lib/object/select.ts";
import { ROOT } from "../support.ts";

const FILE = `{
  "program": { "type": "tracing", "expected_attach_type": "trace_raw_tp", "attach": "sys_exit" },
  "maps": {
    "3": { "type": "prog_array", "key": 4, "value": 4, "entries": 512 },
    "4": { "same_as": "3" },
    "8": { "type": "array_of_maps", "key": 4, "value": 4, "entries": 2,
           "inner": { "type": "ringbuf", "entries": 4096 } },
    "11": { "type": "array", "key": 4, "value": 8, "entries": 1, "flags": ["rdonly_prog"],
            "frozen": true, "init": { "offset": 6, "bytes": [2, 1] } }
  }
}`;

Deno.test("a map file", () => {
  const file = parseMapFile(FILE);
  assert.deepEqual([file.type, file.attachType, file.attach, file.license], [
    "tracing",
    "trace_raw_tp",
    "sys_exit",
    "GPL",
  ]);
  assert.equal(file.maps.get(4)?.plan, file.maps.get(3)?.plan);
  assert.equal(MAP_TYPES[file.maps.get(8)!.plan.inner!.type], "ringbuf");
  const { contents, frozen, flags } = file.maps.get(11)!.plan;
  assert.deepEqual([...contents!, frozen, flags], [0, 0, 0, 0, 0, 0, 2, 1, true, 0x80]);
});

Deno.test("malformed map files name the place", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["{", /the JSON/],
    ["[]", /the top level of the map file: it is not an object/],
    ['{"maps":{"1":{}}}', /maps\.1\.type/],
    ['{"maps":{"1":{"same_as":"2"}}}', /there is no map 2/],
    ['{"maps":{"x":{"type":"hash"}}}', /maps\.x/],
    ['{"maps":{"1":{"type":"hash","key":-1}}}', /maps\.1\.key/],
    [
      '{"maps":{"1":{"type":"array","value":2,"init":{"bytes":[1,2,3]}}}}',
      /3 bytes at 0 exceed the value's 2 bytes/,
    ],
    ['{"maps":{"1":{"type":"hash","inner":{"type":"hash","inner":{}}}}}', /a map in a map/],
  ];
  for (const [text, message] of cases) {
    assert.throws(
      () => parseMapFile(text),
      (error: unknown) => error instanceof ParseError && message.test(error.message),
      text,
    );
  }
});

Deno.test("sizes that are left to the loader", () => {
  const planned = (name: string, keySize: number, valueSize: number, maxEntries: number) =>
    Object.values(plannedSizes(MAP_TYPES.indexOf(name), { keySize, valueSize, maxEntries }));
  assert.deepEqual(planned("hash", 4, 8, 10_000_000), [4, 8, 65_536]);
  assert.deepEqual(planned("array", 4, 8, 0), [4, 8, 64]);
  assert.deepEqual(planned("prog_array", 0, 0, 3), [4, 4, 3]);
  assert.deepEqual(planned("ringbuf", 0, 20, 0), [0, 0, 65_536]);
  assert.deepEqual(planned("sk_storage", 4, 8, 0), [4, 8, 0]);
});

Deno.test("references to maps of a legacy object", () => {
  const bytes = readFileSync(join(ROOT, "testdata", "objects", "legacy.o"));
  const program = loadProgram(new Uint8Array(bytes));
  const loadable = linkLoadable(program, findFunction(program, "by_length"));
  assert.deepEqual(loadable.maps.map((map) => map.name), ["lengths"]);
  assert.deepEqual(loadable.references.map(({ map, offset }) => [map, offset]), [[0, null]]);
  const { insn } = loadable.references[0];
  const bound = bindHandles(loadable, [77])[insn];
  assert.deepEqual([bound.op.kind, bound.op.fn, bound.imm], ["lddw", "map_fd", 77]);
  assert.equal(loadable.license, "GPL");
});

Deno.test("references to maps of a stream, each map once", () => {
  const text = "r1 = map_fd 4 ll\nr2 = map_value 3+8 ll\nr3 = map_fd 8 ll\nr0 = 0\nexit\n";
  const program = loadProgram(new TextEncoder().encode(text));
  const loadable = linkLoadable(program, program.functions[0], parseMapFile(FILE));
  assert.deepEqual(loadable.references, [
    { insn: 0, map: 0, offset: null },
    { insn: 1, map: 0, offset: 8 },
    { insn: 2, map: 1, offset: null },
  ]);
  assert.throws(() => linkLoadable(program, program.functions[0]), /give a file that does/);
});
