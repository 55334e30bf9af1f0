/**
 * Kfuncs that allocate and free pages of an arena.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { GuestFault } from "../fault.ts";
import { ArenaMap } from "../maps/arena.ts";
import { type HelperBodies, type HelperFactory, u32, u64 } from "./body.ts";

function arenaOf({ maps }: Environment, handle: bigint, kfunc: string): ArenaMap {
  const map = maps.argument(handle, kfunc);
  if (map instanceof ArenaMap) return map;
  throw new GuestFault("helper", `cannot call ${kfunc}: ${map.name} is not an arena`);
}

const allocate: HelperFactory = (env) => (_context, r1, r2, r3, _r4, r5) => {
  const map = arenaOf(env, r1, "bpf_arena_alloc_pages");
  return u64(r5) === 0n ? BigInt(map.allocate(Number(u64(r2)), u32(r3))) : 0n;
};

const free: HelperFactory = (env) => (_context, r1, r2, r3) => {
  arenaOf(env, r1, "bpf_arena_free_pages").free(Number(u64(r2)), u32(r3));
  return 0n;
};

/** Kfuncs of arenas. */
export const ARENA_KFUNCS: HelperBodies = {
  bpf_arena_alloc_pages: allocate,
  bpf_arena_free_pages: free,
};
