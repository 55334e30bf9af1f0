/**
 * Every helper in the context of every program type, with arguments that no verifier has seen: a result or a fault.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { CONTEXT_TYPES } from "../../../lib/vm/contexts/registry.ts";
import { HELPERS } from "../../../lib/vm/helpers/registry.ts";
import { Vm } from "../../../lib/vm/vm.ts";
import { Random } from "../../support/random.ts";
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
      return `lddw %r${register}, 0x${NUMBERS[random.below(NUMBERS.length)].toString(16)}`;
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

Deno.test("helpers with random arguments give a result or a fault", () => {
  const random = new Random(4);
  let returned = 0, faults = 0;
  for (const type of CONTEXT_TYPES) {
    for (const name of Object.keys(HELPERS)) {
      const text = caller(random, helperByName(name)!.id);
      const vm = Vm.loadSync(assembled(text), { type, missing: "call", maximumMemory: 1 << 24 });
      const { fault } = vm.program().run({ packet: PACKET, limit: 10_000 });
      if (fault === null) returned++;
      else faults++;
    }
  }
  assert.equal(returned + faults, CONTEXT_TYPES.length * Object.keys(HELPERS).length);
  assert.ok(returned > 1000 && faults > 1000);
});
