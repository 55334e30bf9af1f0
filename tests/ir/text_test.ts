import assert from "node:assert/strict";
import { EpassError, ParseError } from "../../lib/errors.ts";
import { checkFunction } from "../../lib/ir/check.ts";
import { IrFunction, isLeaf, type Value } from "../../lib/ir/function.ts";
import type { IrModule, VerbatimBody } from "../../lib/ir/module.ts";
import { hasResult } from "../../lib/ir/operations.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { printFunction, printModule } from "../../lib/ir/print.ts";
import { decode, encode } from "../../lib/isa/codec.ts";
import { Random, randomFunction } from "./random_ir.ts";

function moduleOf(...functions: IrFunction[]): IrModule {
  return {
    order: "little",
    functions: functions.map((body) => ({
      name: body.name,
      section: "xdp",
      global: true,
      subprogram: false,
      params: -1,
      body,
    })),
  };
}

const bodyOf = (module: IrModule, index = 0): IrFunction =>
  module.functions[index].body as IrFunction;

/** All that a function is, but for the ids of what has no name in the text and the order of predecessors. */
function structure(fn: IrFunction): unknown {
  const fields = (value: Value) => {
    const { op, fn, width, size, sign, off, imm, ref, callee, core, pc, hint } = value;
    return { op, fn, width, size, sign, off, imm, ref, callee, core, pc, hint };
  };
  const coreIds = new Map<Value, number>();
  const use = (value: Value): unknown => {
    if (value.op === "core") {
      if (!coreIds.has(value)) coreIds.set(value, coreIds.size);
      return { leaf: coreIds.get(value), ...fields(value) };
    }
    return isLeaf(value) ? fields(value) : value.id;
  };
  const define = (value: Value) => ({
    id: hasResult(value) ? value.id : null,
    ...fields(value),
    args: value.args.map(use),
  });
  return fn.blocks.map((block) => ({
    id: block.id,
    params: block.params.map(define),
    insns: block.insns.map(define),
    term: block.term && {
      op: block.term.op,
      fn: block.term.fn,
      trap: block.term.trap,
      width: block.term.width,
      pc: block.term.pc,
      args: block.term.args.map(use),
      edges: block.term.edges.map((edge) => ({ to: edge.to.id, args: edge.args.map(use) })),
    },
    preds: block.preds.map((edge) => edge.from.id).toSorted((a, b) => a - b),
  }));
}

Deno.test("parsing is the inverse of printing", () => {
  for (let seed = 0; seed < 1000; seed++) {
    const fn = randomFunction(seed);
    const text = printModule(moduleOf(fn));
    const parsed = parseModule(text);
    assert.deepEqual(structure(bodyOf(parsed)), structure(fn), `seed ${seed}`);
    assert.equal(printModule(parsed), text, `seed ${seed}`);
  }
});

const WRITTEN = `; A comment before the first line.
epir 1
order big

function "odd name" section "xdp" global params 1
b7(v100:r1!0):  ; numbers need no order
  v3 = load.u32 v100+4 !1
  v90:r2 = add.64 v3, 0x000e
  call bpf_ktime_get_ns()
  branch.64.gt v90, v3, b2, b1(v3, -1) !3
b1(v5, v6):
  store.u8 fp - 512, v5
  v8 = call @sub(v6, v5) reloc(10, 3, "sub", -1)
  v9 = call @"odd name"(func(@sub))
  v10 = call kfunc bpf_x(map_fd(3)) imm 12 off 1 local
  v11 = callx v10(imm64(1, -1, reloc(1, 4, ".rodata")))
  return v8
b2: return_is_on_its_own_line
`;

Deno.test("a text by hand", () => {
  const text = WRITTEN.replace(" return_is_on_its_own_line", "\n  return 0xffffffffffffffff") +
    `function sub subprogram
  v7 = core.32 8 core(12, 34, "0:1", 0) !5
b0(v0, v1):
  v2 = add.64 v0, v7 core(12, 34, "0:1", 0)
  v3 = cast v2, 1, 0
  return v3
verbatim slow section ".text" reason "jumps into a neighbour"
  b700000000000001 !4
  1810000000000000 0000000000000000 reloc(1, 1, "counts")
  8510000000000000 @sub
`.replace("0000 0000", "00000000");
  const module = parseModule(text);
  assert.equal(module.order, "big");
  assert.equal(
    printModule(module),
    `epir 1
order big

function "odd name" section "xdp" global params 1
b7(v100:r1 !0):
  v3 = load.u32 v100 + 4 !1
  v90:r2 = add.64 v3, 14
  v102 = call ktime_get_ns()
  branch.64.gt v90, v3, b2, b1(v3, -1) !3
b1(v5, v6):
  store.u8 fp - 512, v5
  v8 = call @sub(v6, v5) reloc(10, 3, "sub", -1)
  v9 = call @"odd name"(func(@sub))
  v10 = call kfunc "bpf_x"(map_fd(3)) imm 12 off 1 local
  v11 = callx v10(imm64(1, -1, reloc(1, 4, ".rodata")))
  return v8
b2:
  return -1

function sub subprogram
  v7 = core.32 8 core(12, 34, "0:1", 0) !5
b0(v0, v1):
  v2 = add.64 v0, v7 core(12, 34, "0:1", 0)
  v3 = cast v2, 1, 0
  return v3

verbatim slow section ".text" reason "jumps into a neighbour"
  b700000000000001 !4
  18100000000000000000000000000000 reloc(1, 1, "counts")
  8510000000000000 @sub
`,
  );
  const { code } = module.functions[2].body as VerbatimBody;
  assert.deepEqual([...code.origins], [4, -1, -1]);
  assert.deepEqual([...code.targets], [[2, 1]]);
});

Deno.test("the example of the documentation parses", async () => {
  const source = await Deno.readTextFile(new URL("../../lib/ir/parse.ts", import.meta.url));
  const [, example] = source.match(/```text\n([^]*?) \* ```/)!;
  const module = parseModule(`epir 1\n${example.replaceAll(/^ \* ?/gm, "")}`);
  assert.equal(bodyOf(module).blocks.length, 3);
});

Deno.test("bytecode kept verbatim survives the text", () => {
  const random = new Random(7);
  const bytes = Uint8Array.from({ length: 800 }, () => random.once(2) ? 0 : random.below(256));
  for (const order of ["little", "big"] as const) {
    const insns = decode(bytes, order);
    const none = new Map();
    const code = {
      insns,
      origins: new Int32Array(insns.length).fill(-1),
      relocations: none,
      core: none,
      targets: none,
    };
    const body = { reason: 'a "reason"\n', code };
    const entry = { name: "", section: "s", global: false, subprogram: true, params: 3, body };
    const parsed = parseModule(printModule({ order, functions: [entry] })).functions[0];
    assert.deepEqual(encode((parsed.body as VerbatimBody).code.insns, order), bytes);
    assert.deepEqual(parsed, entry);
  }
});

Deno.test("functions that share a name are told apart by index", () => {
  const text = `epir 1

function f
b0:
  v0 = call @1()
  return v0

function f section "other"
b0:
  v0 = call @0 "g"()
  return v0
`;
  assert.equal(printModule(parseModule(text)), text);
});

Deno.test("numbers out of all proportion are dealt out anew", () => {
  const text =
    "epir 1\nfunction f\nb900000000:\n v999999999999999 = copy 1\n return v999999999999999";
  assert.equal(
    printFunction(bodyOf(parseModule(text))),
    "function f\nb0:\n  v0 = copy 1\n  return v0\n",
  );
});

/** Malformed texts: a body or whole text, the message and its place. */
const MALFORMED: readonly [string, RegExp, number, number][] = [
  ["", /expected "epir 1", found the end/, 1, 1],
  ["epir 2", /2 is not in the range 1 to 1/, 1, 6],
  ["function f\nb0:\n return 1", /expected "epir 1", found "function/, 1, 1],
  ["epir 1\norder middle", /expected a byte order, found "middle"/, 2, 7],
  ["epir 1\nfunction\n", /expected the name of the function/, 2, 9],
  ["epir 1\nfunction f wide", /expected an attribute/, 2, 12],
  ["epir 1\nfunction f", /there are no blocks/, 2, 1],
  ["epir 1\nfunction f\nreturn 1", /there is no block before it/, 3, 7],
  ["epir 1\nfunction f\nb0:", /b0 has no terminator/, 3, 4],
  ["epir 1\nfunction f\nb0:\n return v1", /the value is not defined/, 4, 11],
  ["epir 1\nfunction f\nb0:\n jump b1", /the block is not defined/, 4, 9],
  ["epir 1\nfunction f\nb0:\n return 1\nb0:\n return 1", /the block is defined twice/, 5, 3],
  ["epir 1\nfunction f\nb0(v1, v1):\n return 1", /the value is defined twice/, 3, 10],
  ["epir 1\nfunction f\nb0:\n return 1\n return 1", /the block has ended/, 5, 8],
  ["epir 1\nfunction f\nb0:\n v1 = frob.64 1", /expected an instruction, found "frob/, 4, 7],
  ["epir 1\nfunction f\nb0:\n v1 = add.16 1, 2", /expected an instruction, found "add.16/, 4, 7],
  ["epir 1\nfunction f\nb0:\n v1 = add.64 1, 2 x", /expected the end of the line/, 4, 19],
  ["epir 1\nfunction f\nb0:\n v1 = add.64 1", /expected ",", found the end/, 4, 15],
  ["epir 1\nfunction f\nb0:\n v1 = load.u8 1 + 40000", /not in the range/, 4, 19],
  ["epir 1\nfunction f\nb0:\n v1 = copy 0x10000000000000000", /does not fit 64 bits/, 4, 12],
  ["epir 1\nfunction f\nb0:\n v1:r11 = copy 1", /expected a register/, 4, 5],
  ["epir 1\nfunction f\nb0:\n v1 = call nothing()", /expected a helper function/, 4, 12],
  ["epir 1\nfunction f\nb0:\n v1 = call @g()", /no such function/, 4, 13],
  ["epir 1\nfunction f\nb0:\n v1 = call @7()", /no such function/, 4, 13],
  ["epir 1\nfunction f\nb0:\n branch.eq 1, 2, b0, b0", /a branch has a width/, 4, 11],
  ["epir 1\nfunction f\nb0:\n jump b0", /the entry has predecessors/, 2, 1],
  ["epir 1\nfunction f\nb0:\n v1 = core.64 1 core(1, 2, x, 3)", /before the first block/, 4, 33],
  ["epir 1\nverbatim f\n 12", /expected 16 or 32 hexadecimal digits/, 3, 2],
  ["epir 1\nverbatim f\n 00000000000000000000000000000000", /more than one instruction/, 3, 34],
];

for (const [text, message, line, column] of MALFORMED) {
  Deno.test(`malformed text: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseModule(text, "in.epir"), (error) => {
      assert.ok(error instanceof ParseError);
      assert.match(error.message, message);
      assert.deepEqual(error.place, { input: "in.epir", line, column });
      return true;
    });
  });
}

Deno.test("mutated text parses or is refused", () => {
  let refused = 0;
  const pieces = [
    "v1",
    "b0",
    "(",
    ")",
    ",",
    ":",
    "=",
    "!",
    "\n",
    '"',
    ";",
    "-1",
    "0x",
    "add.64",
    "@",
    "\\",
  ];
  for (let seed = 0; seed < 2000; seed++) {
    const random = new Random(seed);
    let text = printModule(moduleOf(randomFunction(seed, 6)));
    for (let i = 1 + random.below(3); i > 0; i--) {
      const at = random.below(text.length);
      const end = random.once(2) ? at : at + random.below(8);
      text = text.slice(0, at) + random.pick(pieces) + text.slice(end);
    }
    try {
      const parsed = parseModule(text);
      for (const fn of parsed.functions) {
        if (fn.body instanceof IrFunction) assert.deepEqual(checkFunction(fn.body), []);
      }
      const printed = printModule(parsed);
      assert.equal(printModule(parseModule(printed)), printed, `seed ${seed}`);
    } catch (error) {
      if (!(error instanceof EpassError)) throw new Error(`seed ${seed}`, { cause: error });
      refused++;
    }
  }
  assert.ok(refused > 100 && refused < 2000, `${refused} refused`);
});

Deno.test("what looks like a number in a string or comment does not change ids", () => {
  const text = [
    "epir 1",
    "",
    "function f",
    "b0:",
    '  v8:r1 = copy imm64(reloc(1, 5, "b99999999 v99999999 \\" v99999998"))',
    "  return v8",
    "",
  ].join("\n");
  assert.equal(printModule(parseModule(text)), text);
  assert.equal(printModule(parseModule(text.replace("b0:", "b0: ; v99999999"))), text);
});
