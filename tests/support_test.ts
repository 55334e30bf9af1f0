import assert from "node:assert/strict";
import { missing, skip } from "./support.ts";

Deno.test("missing is empty when nothing is needed", () => {
  assert.equal(missing(), "");
});

Deno.test("a running test says that it skips itself", (t) => {
  const print = console.log;
  const printed: string[] = [];
  console.log = (line: string) => printed.push(line);
  try {
    skip(t, "only to see it said");
  } finally {
    console.log = print;
  }
  assert.deepEqual(printed, [`skipped while running: ${t.name}: only to see it said`]);
});
