import assert from "node:assert/strict";
import { summaryLine, tallyOfTests } from "../scripts/tally.ts";

Deno.test("tests are counted by the last line of deno test", () => {
  const line = "\x1b[31mFAILED\x1b[0m | 7 passed (13 steps) | 2 failed (1 step) | 3 ignored (1s)\n";
  assert.deepEqual(tallyOfTests(line, 1), { passed: 7, failed: 2, skipped: 3 });
});

Deno.test("a test that skips itself is not one that passes", () => {
  const tally = tallyOfTests(
    "skipped while running: a: no cc\n\x1b[0mskipped while running: b: no cc\n| 7 passed | 0 failed (1s)\n",
    0,
  );
  assert.equal(summaryLine(tally), "5 passed, 0 failed, 2 skipped");
});

Deno.test("a run that breaks is a failure", () => {
  assert.equal(tallyOfTests("error: Type checking failed.\n", 1).failed, 1);
  assert.equal(tallyOfTests("ok | 7 passed | 0 failed (1s)\n", 1).failed, 1);
});
