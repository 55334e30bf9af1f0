/**
 * What the programs of verifier_rules.ts and optimiser_traps.ts are loaded with.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Kernel } from "../../lib/kernel/kernel.ts";
import { type MapFile, parseMapFile } from "../../lib/object/map_file.ts";

/** Their type and maps. */
export const RULE_MAPS: MapFile = parseMapFile(JSON.stringify({
  program: { type: "xdp" },
  maps: {
    1: { type: "array", key: 4, value: 64, entries: 1 },
    2: { type: "hash", key: 4, value: 16, entries: 8 },
    3: { type: "perf_event_array", key: 4, value: 4, entries: 8 },
  },
}));

/**
 * Puts the BTF ids of kfuncs in place of their names.
 *
 * @param kernel The kernel.
 * @param text A program in which kfuncs are named.
 * @returns The program as it assembles.
 */
export function withKfuncs(kernel: Kernel, text: string): string {
  return text.replace(/kfunc ([a-z_]+)/g, (_, name) => {
    const found = kernel.running.find("func", name);
    assert.ok(found, `this kernel has no ${name}`);
    return `kfunc ${found.id}`;
  });
}
