/**
 * Every helper in the contexts of several program types, with arguments that no verifier has seen: a result or a fault, on
 * both engines.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { CONTEXT_TYPES } from "../../../lib/vm/contexts/registry.ts";
import { HELPERS } from "../../../lib/vm/helpers/registry.ts";
import { ENGINES } from "../../../lib/vm/engine.ts";
import { type RunResult, Vm } from "../../../lib/vm/vm.ts";
import { Random } from "../../../lib/random_input.ts";
import { assembled } from "../support.ts";

const PACKET = new Uint8Array(80).fill(0x45);
PACKET.set([0x08, 0x00], 12);

const NUMBERS: readonly bigint[] = [
  0n,
  1n,
  4n,
  14n,
  64n,
  0xffffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  0x1_0000n,
  0xc000_0000n,
  0x8000_0000n,
  0xffff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
];

/** A text that loads an argument. */
function argument(random: Random, register: number): string {
  switch (random.below(5)) {
    case 0:
      return `mov %r${register}, %r6`;
    case 1:
      return `mov %r${register}, %r10\nadd %r${register}, -${8 * (1 + random.below(64))}`;
    case 2:
      return `mov %r${register}, ${random.below(100)}`;
    default:
      return `lddw %r${register}, 0x${random.of(NUMBERS).toString(16)}`;
  }
}

/** A program that calls a helper a few times. */
function caller(random: Random, id: number): string {
  const lines = ["mov %r6, %r1"];
  for (let i = 0; i < 4; i++) {
    lines.push("mov %r1, %r6");
    for (let r = random.below(4) === 0 ? 1 : 2; r <= 5; r++) lines.push(argument(random, r));
    lines.push(`call 0x${id.toString(16)}`);
  }
  return [...lines, "exit"].join("\n");
}

/** How a run ended, in words. */
function ending({ returnValue, fault, packet }: RunResult): string {
  const how = fault === null ? `returned ${returnValue}` : `${fault.kind} at ${fault.pc}`;
  return `${how}, packet ${packet}`;
}

Deno.test("helpers with random arguments give a result or a fault, the same on both engines", () => {
  const random = new Random(4);
  let returned = 0, faults = 0;
  for (const name of Object.keys(HELPERS)) {
    for (const type of ["xdp", "sched_cls", random.of(CONTEXT_TYPES), random.of(CONTEXT_TYPES)]) {
      const program = assembled(caller(random, helperByName(name)!.id));
      const [first, second] = ENGINES.map((engine) => {
        const options = { engine, type, missing: "call", maximumMemory: 1 << 24 } as const;
        return Vm.loadSync(program, options).program().run({ packet: PACKET, limit: 10_000 });
      });
      assert.equal(ending(second), ending(first), `${type} ${name}`);
      if (first.fault === null) returned++;
      else faults++;
    }
  }
  assert.ok(returned > 200 && faults > 200);
});
