/**
 * Helpers on packets against those of the running kernel. `EPASS_RUNS` sets the number of random programs per type.
 *
 * @module
 */

import assert from "node:assert/strict";
import { testWith } from "../../support.ts";
import { referee, REFEREE_TYPES } from "./packet_referee.ts";
import { withKernel } from "./support.ts";

const RUNS = Number(Deno.env.get("EPASS_RUNS") ?? 60);

for (const type of REFEREE_TYPES) {
  testWith("kernel", `${type}: random calls on random packets, as in the kernel`, () => {
    withKernel((kernel) => {
      const { runs, differences } = referee(kernel, type, RUNS, 2026);
      assert.ok(runs > RUNS / 2, `only ${runs} of ${RUNS} programs ran in the kernel`);
      assert.deepEqual(differences, []);
    });
  });
}
