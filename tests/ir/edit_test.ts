import assert from "node:assert/strict";
import { Builder } from "../../lib/ir/builder.ts";
import {
  disconnect,
  keepOnly,
  redirect,
  removeBlock,
  removeInsns,
  removeParam,
  removeTerminator,
  removeUnreachable,
  replaceUses,
  splitBlock,
  splitEdge,
  splitEdges,
} from "../../lib/ir/cfg.ts";
import { checkFunction } from "../../lib/ir/check.ts";
import { Dominators } from "../../lib/ir/dominators.ts";
import { IrFunction, type Value } from "../../lib/ir/function.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { printFunction } from "../../lib/ir/print.ts";
import { removeTrivialParams } from "../../lib/ir/trivial_params.ts";
import { Random, randomFunction } from "./random_ir.ts";

const parse = (text: string): IrFunction =>
  parseModule(`epir 1\nfunction f\n${text}`).functions[0].body as IrFunction;

/** The body of a function as text, after a check. */
function text(fn: IrFunction): string {
  assert.deepEqual(checkFunction(fn), []);
  return printFunction(fn).slice("function f\n".length);
}

const DIAMOND = `b0(v0):
  branch.64.eq v0, 1, b1, b2
b1:
  v1 = add.64 v0, 1
  v2 = add.64 v1, 2
  jump b3(v2)
b2:
  jump b3(v0)
b3(v3):
  return v3
`;

Deno.test("the builder makes every instruction", () => {
  const fn = new IrFunction("f");
  const b = new Builder(fn);
  const [entry, loop, exit] = [fn.newBlock(), fn.newBlock(), fn.newBlock()];
  const ctx = b.atEnd(entry).param();
  b.pc = 7;
  const word = b.load(4, ctx, 8);
  const narrow = b.sext(b.zext(b.copy(b.load(1, ctx, -2, 8))), 16, 32);
  const sum = b.alu("add", 32, word, narrow);
  b.store(8, fn.frame, -8, b.unary("neg", 64, b.cast(sum, -1)));
  b.atomic("cmpxchg", 8, -8, [fn.frame, sum, fn.constant(-1)]);
  b.pc = -1;
  b.packet("ind", 2, -4, [ctx, sum]);
  b.call({ kind: "indirect" }, [sum, ctx]);
  b.jump(loop, [sum]);
  const count = b.atEnd(loop).param();
  b.branch("sgt", 32, count, fn.constant(3), loop, exit, [word]);
  b.atEnd(exit).ret(count);
  b.before(sum).copy(ctx);
  assert.equal(
    text(fn),
    `b0(v0):
  v1 = load.u32 v0 + 8 !7
  v2 = load.s8 v0 - 2 !7
  v3 = copy v2 !7
  v4 = zext v3 !7
  v5 = sext.32.16 v4 !7
  v17 = copy v0
  v6 = add.32 v1, v5 !7
  v8 = cast v6, 65535, 65535 !7
  v9 = neg.64 v8 !7
  store.u64 fp - 8, v9 !7
  v12 = atomic.u64.cmpxchg fp - 8, v6, -1 !7
  v13 = packet.u16.ind v0, v6, -4
  v14 = callx v6(v0)
  jump b1(v6)
b1(v15):
  branch.32.sgt v15, 3, b1(v1), b2
b2:
  return v15
`,
  );
});

Deno.test("rebuilding a block keeps what is added again", () => {
  const fn = parse(DIAMOND);
  const b = new Builder(fn);
  for (const value of b.rebuild(fn.blocks[1])) {
    b.copy(value.args[0]);
    b.add(value);
  }
  assert.match(text(fn), /v\d+ = copy v0\n {2}v1 = add.64 v0, 1\n {2}v\d+ = copy v1\n {2}v2 =/);
});

Deno.test("a split edge carries the arguments through a new block", () => {
  const fn = parse("b0(v0):\n branch.64.eq v0, 1, b1(v0), b1(v0)\nb1(v1):\n return v1");
  const [taken, otherwise] = fn.entry.succs;
  assert.equal(splitEdge(fn, taken).id, 2);
  assert.equal(splitEdge(fn, otherwise).id, 3);
  assert.equal(
    text(fn),
    `b0(v0):
  branch.64.eq v0, 1, b2, b3
b3:
  jump b1(v0)
b2:
  jump b1(v0)
b1(v1):
  return v1
`,
  );
});

Deno.test("a split edge goes before a target that nothing falls into", () => {
  const fn = parse(
    "b0:\n branch.64.eq 1, 2, b2, b1\nb1:\n return 1\nb2:\n branch.64.eq 1, 2, b2, b1",
  );
  splitEdge(fn, fn.entry.succs[0]);
  assert.deepEqual(fn.blocks.map((block) => block.id), [0, 1, 3, 2]);
});

Deno.test("all edges of random functions can be split at once", () => {
  for (let seed = 0; seed < 200; seed++) {
    const fn = randomFunction(seed);
    const edges = fn.blocks.flatMap((block) => [...block.succs]);
    const targets = edges.map((edge) => edge.to);
    const created = splitEdges(fn, edges);
    assert.deepEqual(checkFunction(fn), [], `seed ${seed}`);
    assert.deepEqual(created.map((block) => block.succs[0].to), targets);
    assert.equal(new Set(fn.blocks).size, fn.blocks.length);
  }
});

Deno.test("a block is cut in two", () => {
  const fn = parse(DIAMOND);
  assert.equal(splitBlock(fn, fn.blocks[1], 1).id, 4);
  assert.match(text(fn), /b1:\n {2}v1 = .*\n {2}jump b4\nb4:\n {2}v2 = .*\n {2}jump b3\(v2\)\nb2:/);
});

Deno.test("edges are redirected, dropped and made jumps", () => {
  const fn = parse(DIAMOND);
  const [b0, b1, b2, b3] = fn.blocks;
  redirect(b0.succs[0], b3, [b0.params[0]]);
  assert.deepEqual(checkFunction(fn), []);
  assert.throws(() => removeBlock(fn, b2), /b2 of f is still entered/);
  removeBlock(fn, b1);
  keepOnly([b0.succs[0]]);
  assert.equal(removeUnreachable(fn), true);
  assert.equal(removeUnreachable(fn), false);
  assert.equal(text(fn), "b0(v0):\n  jump b3(v0)\nb3(v3):\n  return v3\n");
  removeTerminator(b0);
  assert.deepEqual(b3.preds, []);
});

Deno.test("many edges to one target are dropped together", () => {
  const fn = parse("b0:\n gotox 1, b1, b2, b1, b1, b2\nb1:\n return 1\nb2:\n return 2");
  const [b0, b1, b2] = fn.blocks;
  disconnect(b0.succs.filter((_, i) => i > 1));
  assert.deepEqual([b0.succs.length, b1.preds.length, b2.preds.length], [2, 1, 1]);
  assert.deepEqual(checkFunction(fn), []);
});

Deno.test("uses are replaced along chains", () => {
  const fn = parse(DIAMOND);
  const [b0, b1] = fn.blocks;
  const table: (Value | undefined)[] = [];
  table[b1.insns[1].id] = b1.insns[0];
  table[b1.insns[0].id] = b0.params[0];
  replaceUses(fn, table);
  removeInsns(fn, new Uint8Array(fn.valueCount).fill(1));
  assert.match(text(fn), /b1:\n {2}jump b3\(v0\)\n/);
  assert.equal(b1.insns.length, 0);
});

Deno.test("a parameter is removed with its arguments", () => {
  const fn = parse(
    "b0(v0):\n jump b1(v0, 1, 2)\nb1(v1, v2, v3):\n branch.64.eq v3, 1, b1(v3, v3, v3), b2\nb2:\n return v1",
  );
  removeParam(fn.blocks[1], 1);
  assert.match(
    text(fn),
    /jump b1\(v0, 2\)\nb1\(v1, v3\):\n {2}branch.64.eq v3, 1, b1\(v3, v3\), b2/,
  );
});

Deno.test("trivial parameters are removed through loops and chains", () => {
  const fn = parse(`b0(v0):
  jump b1(v0, v0)
b1(v1, v2):
  branch.64.eq v1, 1, b2(v2), b3
b2(v4):
  branch.64.eq v4, 1, b2(v4), b4
b3:
  jump b4
b4:
  branch.64.eq v2, 2, b1(v1, v1), b5
b5:
  return v2
`);
  assert.equal(removeTrivialParams(fn), true);
  assert.equal(removeTrivialParams(fn), false);
  assert.doesNotMatch(text(fn), /v[1-9]/);
});

/** Removes trivial parameters one at a time, by definition. */
function removeNaively(fn: IrFunction): void {
  for (let changed = true; changed;) {
    changed = false;
    for (const block of fn.blocks.slice(1)) {
      for (let i = block.params.length - 1; i >= 0; i--) {
        const param = block.params[i];
        const others = new Set(block.preds.map((edge) => edge.args[i]));
        others.delete(param);
        if (others.size !== 1) continue;
        const table: (Value | undefined)[] = [];
        table[param.id] = [...others][0];
        replaceUses(fn, table);
        removeParam(block, i);
        changed = true;
      }
    }
  }
}

/** Makes arguments repeat, so that many parameters are trivial. */
function blurArguments(fn: IrFunction, random: Random): void {
  const dominators = new Dominators(fn);
  for (const block of fn.blocks) {
    for (const edge of block.succs) {
      edge.args = edge.args.map((arg, i) => {
        if (random.once(6)) return arg;
        if (block.params.length > 0 && !random.once(3)) {
          return block.params[i % block.params.length];
        }
        return dominators.reaches(block) ? fn.entry.params[0] ?? fn.undef : fn.undef;
      });
    }
  }
}

Deno.test("trivial parameters: the same as one at a time", () => {
  let removed = 0;
  for (let seed = 0; seed < 1000; seed++) {
    const [a, b] = [randomFunction(seed), randomFunction(seed)];
    for (const fn of [a, b]) {
      removeUnreachable(fn);
      blurArguments(fn, new Random(seed));
      assert.deepEqual(checkFunction(fn), [], `seed ${seed}`);
    }
    const params = a.blocks.flatMap((block) => block.params).length;
    removeTrivialParams(a);
    removeNaively(b);
    assert.equal(text(a), text(b), `seed ${seed}`);
    removed += params - a.blocks.flatMap((block) => block.params).length;
  }
  assert.ok(removed > 2000, `${removed} removed`);
});
