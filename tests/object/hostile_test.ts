import assert from "node:assert/strict";
import { cpuUsage } from "node:process";
import { DecodeError, EpassError } from "../../lib/errors.ts";
import { describe } from "../../lib/object/describe.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { ROOT } from "../support.ts";
import { padAll } from "./shift.ts";

const read = (name: string): Uint8Array => Deno.readFileSync(`${ROOT}/testdata/objects/${name}.o`);

/** All that the library does with an object. */
function exercise(bytes: Uint8Array): void {
  const program = loadProgram(bytes, { from: "elf" });
  describe(program);
  const { bytes: moved } = rewriteProgram(program, padAll(program, (i) => i === 0 ? 1 : 0));
  loadProgram(moved, { from: "elf" });
}

/** Passes if the object is taken, or refused with an error that is the input's fault. */
function survives(bytes: Uint8Array, what: string): boolean {
  // Time without waiting for a processor: the limit is about the work, not about the load of the machine.
  const start = cpuUsage();
  try {
    exercise(bytes);
    return true;
  } catch (error) {
    if (!(error instanceof EpassError)) throw new Error(`${what}: ${error}`, { cause: error });
    assert.match(error.message, /^cannot [^:]+: ./, what);
    return false;
  } finally {
    const { user, system } = cpuUsage(start);
    assert.ok(user + system < 2_000_000, `${what} took too long`);
  }
}

/** Deterministic random numbers below a bound (xorshift32). */
function random(seed: number): (bound: number) => number {
  let state = seed >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}

const NAMES = ["firewall", "externs", "legacy", "entangled", "big_endian", "jump_table"];

Deno.test("truncated objects are taken or refused", () => {
  for (const name of NAMES) {
    const bytes = read(name);
    for (let size = 0; size < bytes.length; size += size < 256 ? 1 : 97) {
      survives(bytes.slice(0, size), `${name} cut to ${size}`);
    }
  }
});

Deno.test("objects with absurd words are taken or refused", () => {
  const next = random(20_240_601);
  const values = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0xffff_ffff, 0x8000_0000];
  let taken = 0;
  for (let round = 0; round < 1500; round++) {
    const name = NAMES[next(NAMES.length)];
    const bytes = read(name);
    const view = new DataView(bytes.buffer);
    const changes: string[] = [];
    for (let n = 1 + next(3); n > 0; n--) {
      // Half of the changes go to the header and to the section headers, which lie at the end.
      const at = next(2) === 0
        ? next(bytes.length - 8)
        : next(2) === 0
        ? next(64)
        : Math.max(0, bytes.length - 8 - next(1800));
      const value = next(3) === 0 ? next(256) : values[next(values.length)];
      if (next(2) === 0) bytes[at] = value;
      else view.setUint32(at & ~3, value, true);
      changes.push(`${at}=${value}`);
    }
    if (survives(bytes, `${name} with ${changes.join(" ")}`)) taken++;
  }
  assert.ok(taken > 100, `only ${taken} of 1500 were taken`);
});

/** An object of many sections that share their contents, their name and one string without an end. */
function crowdedObject(count: number, change: (header: DataView, i: number) => void): Uint8Array {
  const size = 4096;
  const bytes = new Uint8Array(64 + size + count * 64);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.fill(0x61, 64, 64 + size);
  view.setUint16(16, 1, true);
  view.setUint16(18, 247, true);
  view.setUint32(40, 64 + size, true);
  view.setUint16(58, 64, true);
  view.setUint16(62, 1, true);
  for (let i = 0; i < count; i++) {
    const header = new DataView(bytes.buffer, 64 + size + i * 64, 64);
    header.setUint32(0, i % size, true);
    header.setUint32(4, i === 0 ? 0 : 1, true);
    header.setUint32(24, 64, true);
    header.setUint32(32, i === 0 ? count : i === 1 ? size : 8, true);
    header.setUint32(8, i < 2 ? 0 : 6, true);
    header.setUint32(48, 1, true);
    change(header, i);
    // The second holds the names.
    if (i === 1) header.setUint32(4, 3, true);
  }
  return bytes;
}

Deno.test("objects of many overlapping sections cost no quadratic work", () => {
  const cases: [string, (header: DataView, i: number) => void][] = [
    ["code", () => {}],
    ["whole overlaps", (header) => header.setUint32(32, 4096, true)],
    ["tables", (header, i) => {
      header.setUint32(4, i < 2 ? i : 9, true);
      header.setUint32(56, 16, true);
    }],
    ["symbols", (header, i) => header.setUint32(4, i < 2 ? i : 2, true)],
    ["alignments", (header, i) => header.setUint32(48, i < 2 ? 0 : 0x4000_0000, true)],
    ["maps", (header) => header.setUint32(8, 3, true)],
  ];
  for (const [what, change] of cases) {
    survives(crowdedObject(20_000, change), what);
    const named = crowdedObject(5_000, (header, i) => {
      header.setUint32(0, 0, true);
      change(header, i);
    });
    survives(named, `${what} of one name`);
    const short = named.slice();
    short.set(new TextEncoder().encode("maps\0"), 64);
    survives(short, `${what} named maps`);
  }
});

Deno.test("what was loaded is still loaded when its code has moved", () => {
  const { sections, headersOffset, symbols, symbolSection } = loadProgram(read("firewall")).elf!;
  const code = sections.find((s) => s.name === "xdp")!.index;
  const symbol = symbolSection!.offset + 24 * symbols.find((s) => s.section === code)!.index;
  const table = headersOffset + 64 * sections.find((s) => s.name === ".rel.BTF.ext")!.index;
  const changes: Record<string, (view: DataView) => void> = {
    "a symbol of absurd size": (v) => v.setBigUint64(symbol + 16, 2n ** 53n - 1n, true),
    "a symbol far outside": (v) => v.setBigUint64(symbol + 8, 2n ** 53n - 1n, true),
    "relocations of the symbols": (v) => v.setUint32(table + 44, symbolSection!.index, true),
  };
  for (const [what, change] of Object.entries(changes)) {
    const bytes = read("firewall");
    change(new DataView(bytes.buffer));
    const program = loadProgram(bytes);
    const { bytes: moved } = rewriteProgram(program, padAll(program, (i) => i === 0 ? 3 : 0));
    assert.doesNotThrow(() => loadProgram(moved), what);
  }
});

Deno.test("errors name the section", () => {
  const check = (change: (view: DataView) => void, message: RegExp, section?: string): void => {
    const bytes = read("firewall");
    change(new DataView(bytes.buffer));
    try {
      loadProgram(bytes);
      assert.fail(`no error like ${message}`);
    } catch (error) {
      assert.ok(error instanceof DecodeError, String(error));
      assert.match(error.message, message);
      if (section !== undefined) assert.equal(error.place.section, section);
    }
  };
  const { sections, headersOffset } = loadProgram(read("firewall")).elf!;
  const at = (name: string): number =>
    headersOffset + sections.find((s) => s.name === name)!.index * 64;
  const offset = (name: string): number => sections.find((s) => s.name === name)!.offset;

  check((v) => v.setUint16(62, 2, true), /section name table: section 2 is no string table/);
  check((v) => v.setUint16(60, 0xfff0, true), /cannot read section headers: .* exceed the file/);
  check((v) => v.setBigUint64(40, 1n << 60n, true), /absurd size or offset/);
  check((v) => v.setUint32(at("xdp") + 32, 0xffff, true), /cannot read section \d+: .* exceed/);
  check((v) => v.setUint32(at("xdp") + 32, 12, true), /not a whole number of instructions/, "xdp");
  check((v) => v.setUint32(at(".symtab") + 40, 999, true), /no section 999/, ".symtab");
  check((v) => v.setUint32(at(".symtab") + 40, 3, true), /no string table in section 3/, ".symtab");
  check((v) => v.setUint32(offset(".relxdp") + 12, 0x7fff, true), /no symbol 32767/, ".relxdp");
  check((v) => v.setUint16(offset(".BTF"), 0, true), /cannot read .BTF: magic 0x0/, ".BTF");
  check((v) => v.setUint32(offset(".BTF") + 12, 0xffff_ffff, true), /tables exceed/, ".BTF");
  check((v) => v.setUint32(offset(".BTF.ext") + 12, 0x7fff_ffff, true), /exceed its/, ".BTF.ext");
  check((v) => v.setUint32(offset(".BTF.ext") + 32, 3, true), /records of 3 bytes/, ".BTF.ext");
});
