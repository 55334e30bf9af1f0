import assert from "node:assert/strict";
import { DecodeError } from "../../lib/errors.ts";
import { Btf, type BtfType } from "../../lib/object/btf.ts";
import type { BtfKind } from "../../lib/object/btf_encoding.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { filesUnder, ROOT, SHARED, testWith } from "../support.ts";

/** A type as `bpftool btf dump format raw` shows it, as far as this reader knows it. */
function rawLine(btf: Btf, type: BtfType): string {
  const name = type.name === "" ? "(anon)" : type.name;
  const head = `[${type.id}] ${type.kind.toUpperCase()} '${name}'`;
  const { kind, sizeOrType } = type;
  switch (kind) {
    case "int": {
      const detail = btf.detail(type);
      return `${head} size=${sizeOrType} bits_offset=${(detail >> 16) & 255} nr_bits=${
        detail & 255
      }`;
    }
    case "array": {
      const { element, count } = btf.array(type);
      return `${head} type_id=${element} nr_elems=${count}`;
    }
    case "struct":
    case "union": {
      const members = btf.members(type).map((m) =>
        `'${m.name === "" ? "(anon)" : m.name}' type_id=${m.type} bits_offset=${m.bitOffset}` +
        (m.bitSize > 0 ? ` bitfield_size=${m.bitSize}` : "")
      );
      return [`${head} size=${sizeOrType} vlen=${type.vlen}`, ...members].join("\n");
    }
    case "enum":
    case "enum64": {
      const values = btf.enumerators(type).map((e) => `'${e.name}' val=${e.value}`);
      return [`${head} size=${sizeOrType} vlen=${type.vlen}`, ...values].join("\n");
    }
    case "func_proto": {
      const params = btf.params(type).map((p) =>
        `'${p.name === "" ? "(anon)" : p.name}' type_id=${p.type}`
      );
      return [`${head} ret_type_id=${sizeOrType} vlen=${type.vlen}`, ...params].join("\n");
    }
    case "datasec": {
      const entries = btf.entries(type).map((e) =>
        `type_id=${e.type} offset=${e.offset} size=${e.size}`
      );
      return [`${head} size=${sizeOrType} vlen=${type.vlen}`, ...entries].join("\n");
    }
    case "fwd":
      return head;
    case "float":
      return `${head} size=${sizeOrType}`;
    default:
      return `${head} type_id=${sizeOrType}`;
  }
}

/** The dump of bpftool, less what this reader gives in words of its own. */
function rawDump(file: string): string {
  const { stdout } = new Deno.Command("bpftool", { args: ["btf", "dump", "file", file] })
    .outputSync();
  return new TextDecoder().decode(stdout).split("\n").map((line) =>
    line.trim()
      .replace(
        / encoding=\S+|,? linkage=\S+| component_idx=-?\d+| fwd_kind=\S+| index_type_id=\d+/g,
        "",
      )
      .replace(/ \((?:VAR|FUNC) '.*'\)$/, "")
      .replace(/( val=\d+)(?:U?LL)$/, "$1")
  ).filter((line) => line !== "").join("\n");
}

function checkAgainstBpftool(file: string): void {
  const { btf } = loadProgram(Deno.readFileSync(file)).elf!;
  assert.ok(btf !== null);
  const lines: string[] = [];
  for (let id = 1; id < btf.count; id++) {
    lines.push(rawLine(btf, btf.type(id)));
  }
  assert.equal(lines.join("\n"), rawDump(file), file);
}

testWith("bpftool", "types read as bpftool reads them: own objects", () => {
  for (const name of ["firewall", "externs"]) {
    checkAgainstBpftool(`${ROOT}/testdata/objects/${name}.o`);
  }
});

testWith(["bpftool", "shared"], "types read as bpftool reads them: corpus", () => {
  const files = filesUnder(`${SHARED}/corpus/objects`, ".o").filter((f) =>
    /relocs-el|linked_list|bpf_cubic|map_perf_test|tracer|test_l4lb_noinline/.test(f)
  );
  assert.ok(files.length >= 6);
  for (const file of files) checkAgainstBpftool(file);
});

/** BTF with the given words as types, and the string "\0x\0". */
function makeBtf(...words: number[]): Btf {
  const bytes = new Uint8Array(24 + words.length * 4 + 3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0xeb9f, true);
  view.setUint8(2, 1);
  view.setUint32(4, 24, true);
  view.setUint32(12, words.length * 4, true);
  view.setUint32(16, words.length * 4, true);
  view.setUint32(20, 3, true);
  words.forEach((word, i) => view.setUint32(24 + i * 4, word, true));
  bytes.set([0, 0x78, 0], 24 + words.length * 4);
  return new Btf(bytes, "little");
}

const KIND: { readonly [K in BtfKind]?: number } = { ptr: 2, array: 3, typedef: 8, const: 10 };
const info = (kind: BtfKind): number => KIND[kind]! << 24;

Deno.test("cycles of types end in an error", () => {
  const names = makeBtf(1, info("typedef"), 2, 0, info("const"), 1);
  assert.throws(() => names.resolve(1), DecodeError);
  const arrays = makeBtf(0, info("array"), 0, 1, 1, 2);
  assert.throws(() => arrays.sizeOf(1), DecodeError);
  const pointer = makeBtf(0, info("ptr"), 1);
  assert.equal(pointer.sizeOf(1), 8);
});

Deno.test("malformed types are refused", () => {
  assert.throws(() => makeBtf(0, 25 << 24, 0), /unknown kind 25/);
  assert.throws(() => makeBtf(0, info("array"), 0, 1), /truncated/);
  assert.throws(() => makeBtf(0, info("ptr")), /truncated/);
  const dangling = makeBtf(1, info("typedef"), 7);
  assert.throws(() => dangling.resolve(1), /cannot read BTF type 7/);
  const badName = makeBtf(99, info("typedef"), 0);
  assert.throws(() => badName.type(1), /offset 99 exceeds/);
});
