import assert from "node:assert/strict";
import type { Step } from "../../lib/codegen/allocation.ts";
import { appendMoves, type Move, REMAT, SLOT } from "../../lib/codegen/parallel_moves.ts";
import { Random } from "../support/random.ts";

const REGISTERS = 10;
const SLOTS = 6;
/** First location that the temporary slots take. */
const TEMPS = SLOT + SLOTS;

/** What each location holds: a name of the content. */
type Machine = Map<number, string>;

/** Executes steps one after the other; each must be one that the target has an instruction for. */
function execute(steps: readonly Step[], machine: Machine): void {
  const isRegister = (location: number) => location >= 0 && location < REGISTERS;
  const read = (location: number): string => {
    const content = machine.get(location);
    assert.ok(content !== undefined, `location ${location} is read but holds nothing`);
    return content;
  };
  for (const { kind, dst, src, vreg } of steps) {
    assert.ok(["move", "load", "store", "remat"].includes(kind), kind);
    assert.ok(kind === "store" ? isRegister(src) : isRegister(dst), `${kind} ${dst} ${src}`);
    if (kind === "move") {
      assert.ok(isRegister(src));
      machine.set(dst, read(src));
    } else if (kind === "store") machine.set(SLOT + dst, read(src));
    else if (kind === "load") machine.set(dst, read(SLOT + src));
    else machine.set(dst, `recomputed ${vreg}`);
  }
}

/** Emits moves, executes them, and compares with their parallel meaning. */
function check(moves: readonly Move[], free: number): Step[] {
  const steps: Step[] = [];
  let temps = 0;
  appendMoves(moves, free, steps, () => TEMPS + temps++);
  const before: Machine = new Map();
  for (let r = 0; r < REGISTERS; r++) before.set(r, `register ${r}`);
  for (let s = 0; s < SLOTS; s++) before.set(SLOT + s, `slot ${s}`);
  const after: Machine = new Map(before);
  const shown = () => JSON.stringify({ moves, free, steps });
  try {
    execute(steps, after);
  } catch (error) {
    assert.fail(`${error}: ${shown()}`);
  }
  const written = new Map(
    moves.map(({ dst, src, vreg }) =>
      [dst, src === REMAT ? `recomputed ${vreg}` : before.get(src)!] as const
    ),
  );
  for (const [location, content] of before) {
    if (!written.has(location) && location < SLOT && (free >>> location & 1) !== 0) continue;
    assert.equal(after.get(location), written.get(location) ?? content, `${location}: ${shown()}`);
  }
  return steps;
}

const kinds = (steps: readonly Step[]): string => steps.map(({ kind }) => kind).join(" ");

Deno.test("random parallel moves keep their meaning, whatever is free", () => {
  const random = new Random(1);
  const locations = Array.from({ length: REGISTERS }, (_, r) => r)
    .concat(Array.from({ length: SLOTS }, (_, s) => SLOT + s));
  for (let round = 0; round < 6_000; round++) {
    const count = 1 + random.below(random.chance(0.5) ? 4 : locations.length);
    const pool = random.chance(0.3) ? locations.slice(0, REGISTERS) : locations;
    const targets = pool.map((location) => ({ location, key: random.bits() }))
      .sort((a, b) => a.key - b.key).slice(0, count).map(({ location }) => location);
    const permutes = random.chance(0.4);
    const moves = targets.map((dst, i): Move => {
      const src = permutes
        ? targets[(i + 1) % targets.length]
        : random.chance(0.1)
        ? REMAT
        : random.pick(random.chance(0.5) ? targets : locations);
      return { dst, src, vreg: i };
    });
    // A free register holds nothing needed, before or after.
    let free = random.chance(0.3) ? 0 : random.bits() & 0x3ff;
    for (const { dst, src } of moves) {
      if (dst < SLOT) free &= ~(1 << dst);
      if (src >= 0 && src < SLOT) free &= ~(1 << src);
    }
    check(moves, free);
  }
});

Deno.test("a swap goes through a free register, else through a slot", () => {
  const swap = [{ dst: 1, src: 2, vreg: 0 }, { dst: 2, src: 1, vreg: 1 }];
  assert.equal(kinds(check(swap, 1 << 5)), "move move move");
  assert.equal(kinds(check(swap, 0)), "store move load");
});

Deno.test("a cycle costs one move more than it has places", () => {
  const cycle = [0, 1, 2, 3].map((r) => ({ dst: r, src: (r + 1) % 4, vreg: r }));
  assert.equal(check(cycle, 1 << 9).length, 5);
  assert.equal(check(cycle, 0).length, 5);
});

Deno.test("a chain needs no temporary place", () => {
  const chain = [1, 2, 3, 4].map((r) => ({ dst: r, src: r - 1, vreg: r }));
  assert.equal(kinds(check(chain, 0)), "move move move move");
});

Deno.test("one source for several destinations", () => {
  const moves = [1, 2, SLOT].map((dst) => ({ dst, src: 0, vreg: 7 }));
  assert.equal(check([...moves, { dst: 0, src: 1, vreg: 8 }], 0).length, 5);
});

Deno.test("slot to slot, a swap of slots, and mixed cycles, with and without a free register", () => {
  const [a, b] = [SLOT, SLOT + 1];
  for (const free of [0, 1 << 3, 0b11 << 3]) {
    check([{ dst: a, src: b, vreg: 0 }], free);
    check([{ dst: a, src: b, vreg: 0 }, { dst: b, src: a, vreg: 1 }], free);
    check([
      { dst: a, src: 2, vreg: 0 },
      { dst: 2, src: b, vreg: 1 },
      { dst: b, src: a, vreg: 2 },
    ], free);
    check([{ dst: a, src: REMAT, vreg: 9 }, { dst: 0, src: a, vreg: 1 }], free);
  }
});

Deno.test("a move to its own place is none", () => {
  assert.equal(check([{ dst: 3, src: 3, vreg: 0 }], 0).length, 0);
  assert.equal(
    check([{ dst: 3, src: 3, vreg: 0 }, { dst: SLOT, src: SLOT, vreg: 1 }], 0).length,
    0,
  );
});
