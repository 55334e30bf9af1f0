/**
 * Runs the tests: `deno task test [-- ARGUMENT...]`. Arguments go to `deno test`. Ends with the line
 * `N passed, N failed, N skipped`; a test that skips itself while running counts as skipped, not as passed.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { summaryLine, tallyOfTests } from "./tally.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Runs `deno test`, showing its output while keeping it. */
async function runTests(): Promise<{ code: number; output: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--allow-read",
      "--allow-write",
      "--allow-run",
      "--allow-env",
      "--allow-ffi",
      ...Deno.args,
    ],
    cwd: root,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    await Deno.stdout.write(new TextEncoder().encode(text));
  }
  return { code: (await child.status).code, output };
}

const { code, output } = await runTests();
const tally = tallyOfTests(output, code);
if (!output.includes(" passed")) console.log(`deno test ended early, with status ${code}`);
console.log(summaryLine(tally));
Deno.exitCode = tally.failed === 0 ? 0 : 1;
