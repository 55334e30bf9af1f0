/**
 * Clocks and random numbers as IR: the code as text, valid and parsed again. That it does what the helpers do is checked in
 * `tests/vm/inline_environment_test.ts`.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { assertValid } from "../../lib/ir/check.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { printModule } from "../../lib/ir/print.ts";
import { clockReading, randomNumber, STATE, stateNumber } from "../../lib/runtime/state_code.ts";
import { ROOT } from "../support.ts";

/** Address of the state. */
const ADDRESS = 0x1_2000;

Deno.test("clocks, random numbers and ids as text", () => {
  const plain = { step: 1000n, tick: 1n, scale: 1n, ahead: 0n };
  const bodies = [
    clockReading(ADDRESS, plain),
    clockReading(ADDRESS, { ...plain, ahead: -7n }),
    clockReading(ADDRESS, { step: 0n, tick: 4_000_000n, scale: 4_000_000n, ahead: 0n }),
    clockReading(ADDRESS, { ...plain, tick: 4_000_000n, ahead: 0xfffe_db08n }),
    stateNumber(ADDRESS, STATE.pidTgid),
    randomNumber(ADDRESS),
  ];
  bodies.forEach(assertValid);
  const text = printModule({
    order: "little",
    functions: bodies.map((body, i) => ({
      name: `${body.name}_${i}`,
      section: "code",
      global: true,
      subprogram: false,
      params: 0,
      body,
    })),
  });
  const golden = join(ROOT, "testdata", "runtime", "state.epir");
  if (Deno.env.get("EPASS_UPDATE") === "1") writeFileSync(golden, text);
  assert.equal(text, readFileSync(golden, "utf8"));
  assert.equal(printModule(parseModule(text)), text);
});
