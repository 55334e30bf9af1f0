import assert from "node:assert/strict";
import { Dominators } from "../../lib/ir/dominators.ts";
import { type Block, IrFunction } from "../../lib/ir/function.ts";
import { type Loop, Loops } from "../../lib/ir/loops.ts";
import { depthFirstOrder, reversePostOrder } from "../../lib/ir/order.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { Random, randomGraph } from "./random_ir.ts";

function graph(seed: number, greatest = 16): IrFunction {
  const random = new Random(seed);
  const fn = new IrFunction("g");
  randomGraph(fn, random, 1 + random.below(greatest));
  return fn;
}

/** The blocks that the entry reaches without going through one block. */
function reachedWithout(fn: IrFunction, avoided: Block | null): Set<Block> {
  const reached = new Set<Block>();
  const work = fn.entry === avoided ? [] : [fn.entry];
  while (work.length > 0) {
    const block = work.pop()!;
    if (reached.has(block)) continue;
    reached.add(block);
    for (const { to } of block.succs) if (to !== avoided) work.push(to);
  }
  return reached;
}

Deno.test("reverse post order", () => {
  for (let seed = 0; seed < 300; seed++) {
    const fn = graph(seed);
    const order = reversePostOrder(fn);
    assert.equal(order[0], fn.entry);
    assert.deepEqual(new Set(order), reachedWithout(fn, null), `seed ${seed}`);
    assert.equal(new Set(order).size, order.length);
    const { numbers, parents, preorder } = depthFirstOrder(fn);
    const place = new Map(order.map((block, i) => [block, i]));
    preorder.slice(1).forEach((block, i) => {
      const parent = preorder[parents[i + 1]];
      assert.ok(parent.succs.some((edge) => edge.to === block));
      assert.ok(numbers[parent.id] < numbers[block.id]);
      assert.ok(place.get(parent)! < place.get(block)!);
    });
  }
});

Deno.test("dominators equal those found by removing blocks", () => {
  for (let seed = 0; seed < 600; seed++) {
    const fn = graph(seed);
    const dominators = new Dominators(fn);
    const reached = reachedWithout(fn, null);
    for (const a of fn.blocks) {
      assert.equal(dominators.reaches(a), reached.has(a), `seed ${seed}`);
      const without = reachedWithout(fn, a);
      const dominated = fn.blocks.filter((b) =>
        reached.has(a) && reached.has(b) && !without.has(b)
      );
      assert.deepEqual(
        fn.blocks.filter((b) => dominators.dominates(a, b)),
        dominated,
        `seed ${seed}: b${a.id}`,
      );
    }
    for (const block of dominators.order) {
      const idom = dominators.idom(block);
      const strict = dominators.order.filter((a) => a !== block && dominators.dominates(a, block));
      assert.equal(dominators.depth(block), strict.length);
      assert.equal(idom, strict.find((a) => dominators.depth(a) === strict.length - 1) ?? null);
    }
    const seen = new Set<Block | null>([null]);
    for (const block of dominators.tree) {
      assert.ok(seen.has(dominators.idom(block)), `seed ${seed}`);
      seen.add(block);
    }
    assert.equal(seen.size, dominators.order.length + 1);
  }
});

/** The blocks of the natural loop of a header, by definition. */
function naturalLoop(dominators: Dominators, header: Block): Set<Block> {
  const body = new Set([header]);
  const work = header.preds.map((edge) => edge.from).filter((b) => dominators.dominates(header, b));
  while (work.length > 0) {
    const block = work.pop()!;
    if (body.has(block)) continue;
    body.add(block);
    for (const { from } of block.preds) if (dominators.reaches(from)) work.push(from);
  }
  return body;
}

const around = (loop: Loop | null): Loop[] => loop === null ? [] : [loop, ...around(loop.parent)];

Deno.test("loops hold what natural loops hold", () => {
  let nested = 0;
  let irreducible = 0;
  for (let seed = 0; seed < 600; seed++) {
    const fn = graph(seed);
    const dominators = new Dominators(fn);
    const loops = new Loops(fn, dominators);
    const bodies = new Map<Block, Set<Block>>();
    for (const header of dominators.order) {
      if (header.preds.some((edge) => dominators.dominates(header, edge.from))) {
        bodies.set(header, naturalLoop(dominators, header));
      }
    }
    assert.deepEqual(loops.all.map((loop) => loop.header), [...bodies.keys()], `seed ${seed}`);
    for (const block of fn.blocks) {
      const expected = [...bodies].filter(([, body]) => body.has(block)).map(([header]) => header);
      const found = around(loops.innermost(block)).map((loop) => loop.header);
      assert.deepEqual(new Set(found), new Set(expected), `seed ${seed}: b${block.id}`);
      assert.equal(loops.depth(block), expected.length);
    }
    for (const loop of loops.all) {
      nested = Math.max(nested, loop.depth);
      assert.ok(loop.blocks.every((block) => loops.innermost(block) === loop));
      assert.ok(loop.children.every((child) => child.parent === loop));
      assert.equal(loop.depth, around(loop).length);
    }
    irreducible += loops.irreducible.length > 0 ? 1 : 0;
  }
  assert.ok(nested > 2 && irreducible > 100, `depth ${nested}, ${irreducible} irreducible`);
});

Deno.test("a loop entered at two blocks is irreducible", () => {
  const fn = parseModule(`epir 1
function f
b0:
  branch.64.eq 1, 2, b1, b2
b1:
  jump b2
b2:
  branch.64.eq 1, 2, b1, b3
b3:
  return 0
`).functions[0].body as IrFunction;
  const loops = new Loops(fn, new Dominators(fn));
  assert.deepEqual(loops.all, []);
  assert.equal(loops.irreducible.length, 1);
});
