/**
 * Maps of objects that nobody trusts: any definition gives a map or an error of the input, and any call of a helper on it a
 * result or a fault, within memory and time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { EpassError } from "../../../lib/errors.ts";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { MAP_TYPES } from "../../../lib/object/kernel_names.ts";
import { Environment } from "../../../lib/vm/environment.ts";
import { MAP_HELPERS } from "../../../lib/vm/helpers/maps.ts";
import { REDIRECT_MAP_HELPERS } from "../../../lib/vm/helpers/redirect_map.ts";
import { bindHelpers } from "../../../lib/vm/helpers/registry.ts";
import { RINGBUF_HELPERS } from "../../../lib/vm/helpers/ringbuf.ts";
import { STORAGE_HELPERS } from "../../../lib/vm/helpers/storage.ts";
import type { HelperContext } from "../../../lib/vm/machine.ts";
import { type GuestMap, MAP_BASE } from "../../../lib/vm/maps/map.ts";
import { MapTable } from "../../../lib/vm/maps/table.ts";
import { GuestMemory } from "../../../lib/vm/memory.ts";
import { Dice, plan } from "./support.ts";

const SIZES = [0, 1, 3, 4, 8, 12, 16, 64, 4096, 65_536, 0x7fff_ffff, 0xffff_ffff] as const;
const NAMES = [MAP_HELPERS, REDIRECT_MAP_HELPERS, RINGBUF_HELPERS, STORAGE_HELPERS]
  .flatMap((bodies) => Object.keys(bodies));

/** Runs a step that may fail as the input's fault only. */
function tolerant<T>(step: () => T, what: string): T | null {
  try {
    return step();
  } catch (error) {
    assert.ok(error instanceof EpassError, `${what}: ${(error as Error).stack}`);
    return null;
  }
}

function randomMap(maps: MapTable, dice: Dice): GuestMap | null {
  const type = dice.pick(MAP_TYPES);
  const pick = () => dice.below(3) === 0 ? dice.pick(SIZES) : dice.pick([0, 4, 4, 8]);
  const [keySize, valueSize] = [pick(), pick()];
  const maxEntries = dice.below(2) === 0 ? dice.pick(SIZES) : 4096;
  const flags = dice.pick([0, 0, 1, 8, 0x80, 0xffff_ffff]);
  const what = `${type} ${keySize} ${valueSize} ${maxEntries} ${flags}`;
  return tolerant(() => maps.create(plan(type, keySize, valueSize, maxEntries, { flags })), what);
}

type Registers = [bigint, bigint, bigint, bigint, bigint];

/** Arguments as the helper wants them, most of the time. */
function argumentsOf(
  name: string,
  dice: Dice,
  maps: number,
  scratch: number,
  end: number,
): Registers {
  const { params } = helperByName(name)!;
  const argument = (_: unknown, i: number): bigint => {
    const kind = dice.below(8) === 0 ? "" : params[i]?.kind ?? "";
    switch (kind) {
      case "map":
        return BigInt(MAP_BASE + 8 * dice.below(maps));
      case "scalar":
      case "size":
        return BigInt(dice.pick([0, 0, 1, 2, 3, 8, 40, 4096, 2 ** 32]));
      case "":
        return dice.pick([0n, BigInt(end), 0xffff_ffff_ffff_fff0n, BigInt(MAP_BASE + 32)]);
      default:
        return BigInt(scratch + 8 * dice.below(40));
    }
  };
  return Array.from({ length: 5 }, argument) as Registers;
}

Deno.test("hostile definitions and calls end in a result, an error of the input or a fault", () => {
  let created = 0, called = 0;
  for (let seed = 1; seed <= 80; seed++) {
    const dice = new Dice(seed);
    const memory = new GuestMemory("little", { maximum: 1 << 24 });
    const maps = new MapTable(memory, 1 + dice.below(3));
    const environment = new Environment(memory, maps);
    const helpers = bindHelpers(environment);
    const scratch = memory.allocate("scratch", 4096);
    let count = 0;
    while (count < 3) if (randomMap(maps, dice) !== null) count++;
    created += count;
    const context = { memory, call: () => BigInt(dice.below(2)), tailCall: () => {} };
    for (let i = 0; i < 100; i++) {
      const name = dice.pick(NAMES);
      const args = argumentsOf(name, dice, count, scratch.address, memory.bytes.length);
      const helper = helpers.get(helperByName(name)!.id)!;
      const result = tolerant(
        () => helper(context as HelperContext, ...args),
        `seed ${seed}: ${name}(${args.map((a) => a.toString(16)).join(", ")})`,
      );
      if (result !== null) called++;
    }
    for (const map of maps) {
      tolerant(() => {
        map.write(new Uint8Array(map.keySize), new Uint8Array(Math.min(map.valueSize, 65_536)));
        let keys = 0;
        for (const key of map.keys()) {
          map.read(key);
          if (++keys > 100) break;
        }
        map.remove(new Uint8Array(map.keySize));
      }, `seed ${seed}: ${map.typeName}`);
    }
    assert.ok(memory.bytes.length <= 1 << 25);
  }
  assert.ok(called > 1500, `${created} maps, ${called} calls`);
});
