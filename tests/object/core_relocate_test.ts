/**
 * CO-RE relocation: every kind of record of `core.c`, relocated to the types of `core_target.c`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { UnsupportedError } from "../../lib/errors.ts";
import { printInstruction } from "../../lib/isa/disassemble.ts";
import { CoreRelocator } from "../../lib/object/core_relocate.ts";
import { CoreTypes, essentialName } from "../../lib/object/core_types.ts";
import { CORE_KINDS } from "../../lib/object/core_value.ts";
import { linkLoadable } from "../../lib/object/loadable.ts";
import { loadProgram } from "../../lib/object/load.ts";
import type { CoreRecord, Program } from "../../lib/object/program.ts";
import { findFunction } from "../../lib/object/select.ts";
import { ROOT } from "../support.ts";

const object = (name: string): Program =>
  loadProgram(new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name))));

const program = object("core.o");
const target = new CoreTypes(object("core_target.o").elf!.btf!);

/** The records of a function with their instructions, as compiled and as relocated. */
function relocated(name: string): string[] {
  const relocator = new CoreRelocator(program.elf!.btf!, target);
  const { section, first, last } = findFunction(program, name);
  const lines: string[] = [];
  for (let i = first; i < last; i++) {
    const record = section.core.get(section.slots[i]);
    if (record === undefined) continue;
    const after = relocator.relocate(section.insns[i], record);
    const text = [section.insns[i], ...after].map((insn) => printInstruction(insn, 0));
    lines.push(`${CORE_KINDS[record.kind]} ${record.access}: ${text.join(" | ")}`);
  }
  return lines;
}

Deno.test("loads and stores get the offset of the field, and its size where that is safe", () => {
  assert.deepEqual(relocated("accesses"), [
    "field_byte_offset 0:0: r3 = *(u32 *)(r1 + 0x0) | r3 = *(u64 *)(r1 + 0x18)",
    "field_byte_offset 0:1:3: r3 = *(u8 *)(r1 + 0x7) | r3 = *(u8 *)(r1 + 0x23)",
    "field_byte_offset 0:5:0:0: r3 = *(u64 *)(r1 + 0x20) | r3 = *(u64 *)(r1 + 0xc)",
    "field_byte_offset 0:6: r3 = *(u64 *)(r1 + 0x28) | r3 = *(u64 *)(r1 + 0x40)",
    "field_byte_offset 0:0: r3 = *(u32 *)(r3 + 0x0) | r3 = *(u64 *)(r3 + 0x8)",
    "field_byte_offset 0:7:2:0: r3 = *(u32 *)(r1 + 0x38) | r3 = *(u64 *)(r1 + 0x70)",
    "field_byte_offset 0:5:0:0: *(u64 *)(r1 + 0x20) = r2 | *(u64 *)(r1 + 0xc) = r2",
  ]);
});

Deno.test("a field that is missing, or signed and of another size, is poison", () => {
  assert.deepEqual(relocated("poisoned"), [
    "field_byte_offset 0:3: r3 = *(u32 *)(r1 + 0x18) | call 0xbad2310",
    "field_byte_offset 0:4: r1 = *(u32 *)(r1 + 0x1c) | call 0xbad2310",
  ]);
});

Deno.test("what is asked of fields, bit fields among them", () => {
  assert.deepEqual(relocated("fields"), [
    "field_byte_offset 0:0: r1 = 0x0 | r1 = 0x18",
    "field_byte_size 0:0: r1 = 0x4 | r1 = 0x8",
    "field_exists 0:0: r1 = 0x1 | r1 = 0x1",
    "field_exists 0:3: r1 = 0x1 | r1 = 0x0",
    "field_signed 0:4: r1 = 0x1 | r1 = 0x1",
    "field_signed 0:0: r1 = 0x0 | r1 = 0x0",
    "field_byte_offset 0:2: r1 = 0x10 | r1 = 0x30",
    "field_byte_size 0:2: r1 = 0x8 | r1 = 0x4",
    "field_signed 0:2: r1 = 0x1 | r1 = 0x1",
    "field_lshift 0:2: r1 = 0x19 | r1 = 0x32",
    "field_rshift 0:2: r1 = 0x39 | r1 = 0x37",
    "field_byte_offset 0:3: r1 = 0x18 | call 0xbad2310",
    "field_byte_size 0:1: r1 = 0x10 | r1 = 0x10",
  ]);
});

Deno.test("what is asked of types", () => {
  const peer = (types: CoreTypes): string =>
    `0x${types.btf.find("struct", "peer")!.id.toString(16)}`;
  const own = peer(new CoreTypes(program.elf!.btf!));
  assert.deepEqual(relocated("types"), [
    `type_id_local 0: r2 = ${own} ll | r2 = ${own} ll`,
    `type_id_target 0: r2 = ${own} ll | r2 = ${peer(target)} ll`,
    "type_exists 0: r2 = 0x1 | r2 = 0x1",
    "type_exists 0: r2 = 0x1 | r2 = 0x0",
    "type_size 0: r2 = 0x40 | r2 = 0x88",
    "type_size 0: r2 = 0x4 | r2 = 0x0",
    "type_matches 0: r2 = 0x1 | r2 = 0x1",
    "type_matches 0: r2 = 0x1 | r2 = 0x0",
    "type_exists 0: r2 = 0x1 | r2 = 0x1",
  ]);
});

Deno.test("what is asked of enumerators; an lddw without a value is two calls", () => {
  assert.deepEqual(relocated("values"), [
    "enumval_exists 1: r2 = 0x1 ll | r2 = 0x1 ll",
    "enumval_exists 2: r2 = 0x1 ll | r2 = 0x0 ll",
    "enumval_value 1: r2 = 0x2 ll | r2 = -0x7 ll",
    "enumval_value 0: r2 = 0x100000000 ll | r2 = 0x200000003 ll",
    "enumval_value 2: r2 = 0x9 ll | call 0xbad2310 | call 0xbad2310",
  ]);
});

Deno.test("types of one essential name that disagree are refused", () => {
  assert.throws(
    () => relocated("ambiguous"),
    (error) =>
      error instanceof UnsupportedError && /types \d+ and \d+ disagree/.test(error.message),
  );
});

Deno.test("records that make no sense are refused", () => {
  const relocator = new CoreRelocator(program.elf!.btf!, target);
  const { id } = program.elf!.btf!.find("struct", "task___old")!;
  const record = (access: string, kind = 0, typeId = id): CoreRecord => ({
    typeId,
    access,
    accessOffset: 0,
    kind,
  });
  for (const access of ["", ":", "0:", "-1", "0:99", "0:0:0", "0:1:16", "0" + ":0".repeat(70)]) {
    assert.throws(() => relocator.resolve(record(access)), UnsupportedError, access);
  }
  assert.throws(() => relocator.resolve(record("9999999999:0")), /out of range/);
  assert.throws(() => relocator.resolve(record("0", 99)), /unknown CO-RE relocation 99/);
  assert.throws(() => relocator.resolve(record("0", 10)), /no such enumerator/);
  assert.throws(() => relocator.resolve(record("0:1", 8)), /a type has no access path/);
  assert.throws(() => relocator.resolve(record("0", 0, 1 << 20)), /there are only/);
});

Deno.test("flavors are not part of a name", () => {
  const names = ["a___b", "a___", "___b", "a____b", "a___b___c", "a"].map(essentialName);
  assert.deepEqual(names, ["a", "a___", "___b", "a____b", "a___b", "a"]);
});

Deno.test("linking relocates, and keeps slots", () => {
  const fn = findFunction(program, "values");
  const before = linkLoadable(program, fn);
  const kernel = {
    types: target,
    modulesWith: () => [],
    find: () => null,
    address: () => null,
    config: () => null,
  };
  const after = linkLoadable(program, fn, null, kernel);
  assert.equal(after.insns.length, before.insns.length + 1);
  assert.deepEqual(after.insns.map((insn) => printInstruction(insn, 0)).slice(-5, -3), [
    "call 0xbad2310",
    "call 0xbad2310",
  ]);
});
