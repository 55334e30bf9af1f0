/**
 * The tour of the README prints what the README says: each `console` block is run, in one folder. A line `...` stands for
 * any lines.
 *
 * @module
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../support.ts";
import { runCommand } from "./transcript.ts";

/** A command of a block and what it should print. */
interface Step {
  readonly command: string;
  readonly expected: string[];
}

function stepsOf(block: string): Step[] {
  const steps: Step[] = [];
  for (const line of block.trimEnd().split("\n")) {
    if (line.startsWith("$ ")) steps.push({ command: line.slice(2), expected: [] });
    else steps.at(-1)?.expected.push(line);
  }
  return steps;
}

/** A pattern for the lines: `...` matches any number of lines. */
function patternOf(lines: readonly string[]): RegExp {
  const source = lines.map((line) =>
    line === "..." ? "(?:.*\n)*?" : line.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") + "\n"
  );
  return new RegExp(`^${source.join("")}$`);
}

Deno.test("the tour of the README", async () => {
  const readme = readFileSync(join(ROOT, "README.md"), "utf8");
  const files = new Map<string, Uint8Array>();
  for (const [, block] of readme.matchAll(/^```console\n([\s\S]*?)^```$/gm)) {
    for (const { command, expected } of stepsOf(block)) {
      if (command.startsWith("cat ")) {
        files.set(command.slice(4), new TextEncoder().encode(expected.join("\n") + "\n"));
        continue;
      }
      const { out, err } = await runCommand(command, files);
      assert.match(out + err, patternOf(expected), command);
    }
  }
});
