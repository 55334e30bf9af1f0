/**
 * Replays testdata/cli/*.txt. `EPASS_UPDATE=1` writes what the commands print now instead of comparing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { filesUnder, ROOT } from "../support.ts";
import { replay } from "./transcript.ts";

for (const file of filesUnder(join(ROOT, "testdata", "cli"), ".txt")) {
  Deno.test(`transcript ${basename(file)}`, async () => {
    const expected = readFileSync(file, "utf8");
    const actual = await replay(expected);
    if (Deno.env.get("EPASS_UPDATE") === "1") writeFileSync(file, actual);
    else assert.equal(actual, expected);
  });
}
