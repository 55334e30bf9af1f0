import assert from "node:assert/strict";
import { compareRewritten } from "./rewritten.ts";

Deno.test("random programs behave the same after lift and emit, with ten, six and three registers", () => {
  const first = Number(Deno.env.get("EPASS_SEED") ?? 1);
  console.log(`seeds from ${first}; EPASS_SEED sets the first`);
  let lifted = 0, verbatim = 0;
  for (let seed = first; seed < first + 300; seed++) {
    const result = compareRewritten(seed);
    assert.equal(result.mismatch, "");
    lifted += result.lifted;
    verbatim += result.verbatim;
  }
  // Verbatim are functions that need spill slots beside a frame whose address they give away.
  assert.ok(lifted > 5 * verbatim, `${verbatim} functions verbatim, ${lifted} lifted`);
});
