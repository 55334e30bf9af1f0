/**
 * The bodies of helpers and kfuncs, maps of many types at hand, with arguments that no verifier would let pass: a result or
 * a fault, in bounded time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperById } from "../../../lib/isa/helpers.ts";
import { contextBuilder } from "../../../lib/vm/contexts/registry.ts";
import { Environment } from "../../../lib/vm/environment.ts";
import { GuestFault } from "../../../lib/vm/fault.ts";
import { bindHelpers, bindKfuncs } from "../../../lib/vm/helpers/registry.ts";
import type { Helper, HelperContext } from "../../../lib/vm/machine.ts";
import { GUEST_BASE } from "../../../lib/vm/memory.ts";
import { Dice, plan, table } from "../maps/support.ts";

/** Calls of each helper in each context. */
const CALLS = 60;
/** Milliseconds that one call may take. */
const PATIENCE = 2000;

/** Maps of many types: type, size of a key, size of a value, entries. */
const MAPS: readonly (readonly [string, number, number, number])[] = [
  ["array", 4, 64, 4],
  ["hash", 8, 16, 8],
  ["percpu_array", 4, 8, 2],
  ["lru_hash", 4, 8, 4],
  ["lpm_trie", 8, 8, 8],
  ["prog_array", 4, 4, 4],
  ["perf_event_array", 4, 4, 2],
  ["ringbuf", 0, 0, 4096],
  ["queue", 0, 8, 4],
  ["stack", 0, 8, 4],
  ["bloom_filter", 0, 8, 16],
  ["stack_trace", 4, 64, 8],
  ["devmap", 4, 4, 4],
  ["xskmap", 4, 4, 4],
  ["sockmap", 4, 4, 4],
];

/** A sandbox without a program. */
function hostileEnvironment(type: string): { env: Environment; pool: readonly bigint[] } {
  const maps = table(2, 1 << 24);
  const { memory } = maps;
  const handles = MAPS.map(([name, key, value, entries]) =>
    BigInt(maps.create(plan(name, key, value, entries)).handle)
  );
  const scratch = memory.allocate("scratch", 4096);
  const env = new Environment(memory, maps, { records: { entries: 100, bytes: 1 << 16 } });
  const context = contextBuilder(env, type).build({ packet: new Uint8Array(98).fill(0x45) });
  env.context = context;
  env.packet = context.packet;
  const at = BigInt(scratch.address);
  const pool = [
    // deno-fmt-ignore
    0n,
    1n,
    2n,
    4n,
    8n,
    14n,
    16n,
    24n,
    64n,
    97n,
    4096n,
    0xffffn,
    0x1_0000n,
    0x7fff_ffffn,
    0x8000_0000n,
    0xffff_ffffn,
    1n << 32n,
    (1n << 32n) + at,
    (1n << 63n) - 1n,
    1n << 63n,
    (1n << 64n) - 1n,
    (1n << 64n) - 8n,
    (1n << 64n) - at,
    at,
    at + 8n,
    at + 100n,
    at + 4095n,
    at + 4096n,
    BigInt(GUEST_BASE),
    BigInt(context.address),
    BigInt(context.packet?.dataAddress ?? 0),
    BigInt(GUEST_BASE + memory.bytes.length - 1),
    0x8000_0000n + 8n,
    ...handles,
  ];
  return { env, pool };
}

/** Callbacks return what is rolled. */
function contextOf({ memory }: Environment, dice: Dice): HelperContext {
  return {
    memory,
    call: () => BigInt(dice.below(2)),
    tailCall: () => {},
  };
}

/** Calls a helper; what is thrown must be a fault. */
function call(name: string, body: Helper, context: HelperContext, args: readonly bigint[]): void {
  const start = performance.now();
  const text = `${name}(${args.map((arg) => `0x${arg.toString(16)}`).join(", ")})`;
  try {
    const [r1, r2, r3, r4, r5] = args;
    const value = body(context, r1, r2, r3, r4, r5);
    assert.equal(typeof value, "bigint", text);
  } catch (error) {
    if (!(error instanceof GuestFault)) throw new Error(`${text} throws`, { cause: error });
  }
  const took = performance.now() - start;
  assert.ok(took < PATIENCE, `${text} took ${took} ms`);
}

for (const type of ["xdp", "sched_cls", "cgroup_skb", "kprobe", "sock_ops", "syscall"]) {
  Deno.test(`helpers called without sense in a program of type ${type}`, () => {
    const { env, pool } = hostileEnvironment(type);
    const dice = new Dice(type.length);
    const context = contextOf(env, dice);
    const bodies: [string, Helper][] = [
      ...[...bindHelpers(env)].map(([id, body]): [string, Helper] => [helperById(id)!.name, body]),
      ...bindKfuncs(env),
    ];
    for (let round = 0; round < CALLS; round++) {
      for (const [name, body] of bodies) {
        const args = Array.from({ length: 5 }, () => pool[dice.below(pool.length)]);
        // The first argument is the context or a map more often than not.
        if (dice.below(3) === 0) args[0] = BigInt(env.context!.address);
        call(name, body, context, args);
      }
    }
  });
}
