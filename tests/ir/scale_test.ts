import assert from "node:assert/strict";
import { ParseError } from "../../lib/errors.ts";
import { Builder } from "../../lib/ir/builder.ts";
import { keepOnly, removeUnreachable, replaceUses, splitEdges } from "../../lib/ir/cfg.ts";
import { checkFunction } from "../../lib/ir/check.ts";
import { Dominators } from "../../lib/ir/dominators.ts";
import { type Block, IrFunction, type Value } from "../../lib/ir/function.ts";
import { Loops } from "../../lib/ir/loops.ts";
import type { IrModule } from "../../lib/ir/module.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { printModule } from "../../lib/ir/print.ts";
import { removeTrivialParams } from "../../lib/ir/trivial_params.ts";

const BLOCKS = 120_000;

/** Blocks b0, b1, … each of which has a parameter but the first. */
function blocks(fn: IrFunction, count: number): Block[] {
  const b = new Builder(fn);
  return Array.from({ length: count }, (_, i) => {
    const block = fn.newBlock();
    if (i > 0) b.atEnd(block).param();
    return block;
  });
}

/** What ends block `i` of a chain. */
type Shape = (b: Builder, all: readonly Block[], i: number, value: Value) => void;

const SHAPES: { readonly [name: string]: Shape } = {
  "a chain": (b, all, i, value) => b.jump(all[i + 1], [value]),
  "a ladder with a common exit": (b, all, i, value) =>
    b.branch("eq", 64, value, b.fn.undef, all[all.length - 1], all[i + 1], [value], [value]),
  "forward jumps nested in one another": (b, all, i, value) => {
    const mirror = all.length - 1 - i;
    if (mirror <= i + 1) b.jump(all[i + 1], [value]);
    else b.branch("eq", 64, value, b.fn.undef, all[mirror], all[i + 1], [value], [value]);
  },
  "loops nested in one another": (b, all, i, value) => {
    const mirror = all.length - 1 - i;
    if (mirror >= i || mirror === 0) b.jump(all[i + 1], [value]);
    else b.branch("eq", 64, value, b.fn.undef, all[mirror], all[i + 1], [value], [value]);
  },
  "jumps far ahead from every block": (b, all, i, value) => {
    const half = all.length >> 1;
    if (i >= half) b.branch("eq", 64, value, b.fn.undef, all[i + 1], all[i + 1], [value], [value]);
    else b.branch("eq", 64, value, b.fn.undef, all[i + half], all[i + 1], [value], [value]);
  },
};

function shaped(shape: Shape, count: number): IrFunction {
  const fn = new IrFunction("f");
  const all = blocks(fn, count);
  const b = new Builder(fn);
  all.forEach((block, i) => {
    const value = i === 0 ? b.fn.constant(0) : block.params[0];
    b.atEnd(block);
    if (i === count - 1) b.ret(value);
    else shape(b, all, i, i % 2 === 0 ? value : b.alu("add", 64, value, b.fn.constant(i)));
  });
  return fn;
}

function moduleOf(body: IrFunction): IrModule {
  const entry = { name: "f", section: "", global: false, subprogram: false, params: -1, body };
  return { order: "little", functions: [entry] };
}

for (const [name, shape] of Object.entries(SHAPES)) {
  Deno.test(`${BLOCKS} blocks: ${name}`, () => {
    const fn = shaped(shape, BLOCKS);
    const dominators = new Dominators(fn);
    assert.equal(dominators.order.length, BLOCKS);
    assert.equal(new Loops(fn, dominators).irreducible.length, 0);
    assert.deepEqual(checkFunction(fn), []);
    splitEdges(fn, fn.blocks.flatMap((block) => block.succs.length > 1 ? [...block.succs] : []));
    removeTrivialParams(fn);
    assert.deepEqual(checkFunction(fn), []);
    keepOnly(fn.blocks.flatMap((block) => block.succs.slice(-1)));
    removeUnreachable(fn);
    assert.deepEqual(checkFunction(fn), []);
  });
}

Deno.test(`${BLOCKS} blocks as text`, () => {
  const text = printModule(moduleOf(shaped(SHAPES["a ladder with a common exit"], BLOCKS)));
  assert.equal(printModule(parseModule(text)), text);
});

Deno.test("a long chain of replacements", () => {
  const fn = new IrFunction("f");
  const b = new Builder(fn).atEnd(fn.newBlock());
  let value = b.copy(fn.constant(1));
  const table: (Value | undefined)[] = [];
  for (let i = 0; i < BLOCKS; i++) {
    const next = b.copy(value);
    table[next.id] = value;
    value = next;
  }
  const { args } = b.ret(value);
  replaceUses(fn, table);
  assert.equal(args[0].id, 1);
});

Deno.test("long lines and lists of every kind end soon", () => {
  const many = (piece: string, count = 200_000) => piece.repeat(count);
  const texts = [
    many("\n", 2_000_000),
    many(" ", 2_000_000),
    many("epir 1\n"),
    `epir 1\nfunction "${many("a", 4_000_000)}"\nb0:\n return 1`,
    `epir 1\nfunction "${many("\\", 4_000_000)}`,
    `epir 1\nfunction ${many("a", 4_000_000)}\nb0:\n return 1`,
    "epir 1\n" + many("function f\n"),
    "epir 1\n" + many("function f\nb0:\n return 1\n", 20_000),
    "epir 1\n" + many("function f\nb1000:\n v1000 = copy 1\n return v1000\n", 5_000),
    `epir 1\nfunction f\nb0:\n gotox 1, ${many("b1, ")} b1\nb1:\n return 1`,
    `epir 1\nfunction f\nb0:\n gotox 1, ${many("b1(1), ")} b1(1)\nb1(v1):\n return v1`,
    `epir 1\nfunction f\nb0:\n v1 = call 1(${many("1, ")} 1)\n return 1`,
    `epir 1\nfunction f\nb0:\n v1 = copy ${many("9", 4_000_000)}\n return 1`,
    `epir 1\nfunction f\nb0:\n v1 = copy 0x${many("0", 4_000_000)}\n return 1`,
    "epir 1\nfunction f\n" + many("b0:\n"),
    "epir 1\nfunction f\nb0:\n" + many("v1 = copy v1\n"),
  ];
  for (const text of texts) {
    const start = performance.now();
    try {
      parseModule(text);
    } catch (error) {
      assert.ok(error instanceof ParseError, `${text.slice(0, 40)}: ${error}`);
      assert.ok(error.message.length < 500, error.message.slice(0, 500));
    }
    const elapsed = performance.now() - start;
    assert.ok(elapsed < 5000, `${JSON.stringify(text.slice(0, 60))}: ${elapsed} ms`);
  }
});
