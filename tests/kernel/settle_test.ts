/**
 * Rewrites that the kernel refuses: what goes back to the original, step by step.
 *
 * @module
 */

import assert from "node:assert/strict";
import { compileProgram } from "../../lib/compile.ts";
import { Kernel } from "../../lib/kernel/kernel.ts";
import { type RewriteLimits, settleRewrite } from "../../lib/kernel/settle.ts";
import { assemble } from "../../lib/isa/assemble.ts";
import { encode } from "../../lib/isa/codec.ts";
import { loadProgram } from "../../lib/object/load.ts";
import { testWith } from "../support.ts";

const bytesOf = (text: string): Uint8Array => encode(assemble(text).insns);

const GOOD = "r0 = 0\ncall sub\nexit\nsub:\nr0 = 1\nexit\n";
const BAD_MAIN = GOOD.replace("r0 = 0", "r0 = *(u64 *)(r1 + 8000)");
const BAD_SUB = GOOD.replace("r0 = 1", "r0 = r7");

/** Settles a program whose rewrite has the faults that `rewrite` puts in. */
function settle(
  rewrite: (verbatim: RewriteLimits["verbatim"], without: RewriteLimits["without"]) => string,
  passes: readonly string[] = [],
) {
  const kernel = new Kernel();
  try {
    const program = loadProgram(bytesOf(GOOD), { from: "raw" });
    return settleRewrite(
      kernel,
      program,
      ({ verbatim, without }) => bytesOf(rewrite(verbatim, without)),
      { type: "xdp", passes },
    );
  } finally {
    kernel.close();
  }
}

testWith("kernel", "a rewrite that is accepted stays", () => {
  const { verbatim, accepted } = settle(() => GOOD);
  assert.deepEqual([verbatim.size, accepted], [0, true]);
});

testWith(
  "kernel",
  "the function in which the verifier stopped goes without the pass that spoiled it",
  () => {
    const passes = ["first", "second", "third", "second", "fourth"];
    const { verbatim, without, notes, accepted } = settle(
      (_, without) => without.get(1)?.has("third") ? GOOD : BAD_SUB,
      passes,
    );
    assert.deepEqual([verbatim.size, accepted], [0, true]);
    assert.deepEqual([...without].map(([index, names]) => [index, ...names]), [[1, "third"]]);
    assert.match(notes[0], / goes without third: the kernel refuses .*: R7 !read_ok/);
  },
);

testWith("kernel", "or without all passes from the first on that spoils it with others", () => {
  const { without, accepted } = settle((_, without) => {
    const left = without.get(1) ?? new Set();
    return left.has("second") && left.has("third") ? GOOD : BAD_SUB;
  }, ["first", "second", "third"]);
  assert.deepEqual([[...without.get(1)!], accepted], [["second", "third"], true]);
});

testWith("kernel", "where no pass is to blame, the function goes back", () => {
  const { verbatim, without, accepted } = settle(
    (v) => v.has(1) ? GOOD : BAD_SUB,
    ["first", "second"],
  );
  assert.deepEqual([[...verbatim.keys()], without.size, accepted], [[1], 0, true]);
});

testWith("kernel", "the function in which the verifier stopped goes back", () => {
  const { verbatim, accepted } = settle((v) => v.has(1) ? GOOD : BAD_SUB);
  assert.deepEqual([[...verbatim.keys()], accepted], [[1], true]);
  assert.match(verbatim.get(1)!, /the kernel refuses .*: R7 !read_ok/);
});

testWith("kernel", "then the whole program", () => {
  const { verbatim, accepted } = settle((v) => v.size === 2 ? GOOD : BAD_MAIN);
  assert.deepEqual([[...verbatim.keys()].sort(), accepted], [[0, 1], true]);
});

/** The same as `GOOD`, with a loop before it. */
const HEAVY = GOOD.replace("r0 = 0", "r1 = 0\nl:\nr1 += 1\nif r1 < 20 goto l\nr0 = 0");

testWith(
  "kernel",
  "what takes the verifier much longer goes without the pass that made it so",
  () => {
    const { without, notes, accepted, rows } = settle(
      (_, without) => without.get(0)?.has("second") ? GOOD : HEAVY,
      ["first", "second", "third"],
    );
    assert.deepEqual([...without].map(([index, names]) => [index, ...names]), [[0, "second"]]);
    assert.match(notes[0], / goes without second: the verifier processes more of .*: 5 -> \d+/);
    assert.ok(accepted && rows[0].verdict.statistics.processed === 5);
  },
);

testWith("kernel", "or back to the original", () => {
  const { verbatim, without, accepted } = settle((v) => v.size > 0 ? GOOD : HEAVY, ["first"]);
  assert.deepEqual([[...verbatim.keys()].sort(), without.size, accepted], [[0, 1], 0, true]);
  assert.match(verbatim.get(0)!, /the verifier processes more of/);
});

testWith("kernel", "and if nothing helps, the rewrite is not accepted", () => {
  assert.equal(settle(() => BAD_MAIN).accepted, false);
});

Deno.test("functions to carry verbatim are, with the reason", () => {
  const program = loadProgram(bytesOf(GOOD), { from: "raw" });
  const { bytes, functions } = compileProgram(program, { verbatim: new Map([[0, "because"]]) });
  assert.deepEqual([...bytes], [...bytesOf(GOOD)]);
  assert.deepEqual(functions.map((fn) => [fn.lifted, fn.reason]), [
    [false, "because"],
    [true, undefined],
  ]);
});
