/**
 * Helpers on packets that are in memory only in part.
 *
 * @module
 */

import assert from "node:assert/strict";
import { compareLinearity } from "./packet_referee.ts";

Deno.test("what helpers do does not depend on how much of a packet is linear", () => {
  assert.deepEqual(compareLinearity(100, 2026), []);
});
