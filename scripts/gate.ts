/**
 * The gate: what must hold before a change is accepted, besides the tests. Prints a line for each check, the output of
 * those that fail, and `N passed, N failed, N skipped` last.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { stripColor, summaryLine } from "./tally.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

/** A check: a `deno` command that must succeed. */
interface Check {
  /** What it checks. */
  readonly name: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** What its output must not contain. */
  readonly refuses?: RegExp;
}

/** All checks, the quick ones first. */
const CHECKS: readonly Check[] = [
  { name: "format", args: ["fmt", "--check"] },
  { name: "lint", args: ["lint"] },
  { name: "layers", args: ["run", "--allow-read=.", "scripts/check_layers.ts"] },
  { name: "types", args: ["check", "."] },
  {
    name: "types without Deno: the library runs in a browser",
    args: ["check", "--config", "scripts/browser.json", "mod.ts"],
  },
  {
    name: "documentation of every export",
    args: ["doc", "--lint", "mod.ts", "cli.ts", "lib/testing.ts"],
  },
  {
    name: "examples in the documentation",
    args: ["test", "--doc", "--allow-read=.", "mod.ts", "lib", "README.md"],
  },
  {
    name: "every module of the executable resolves",
    args: ["info", "--json", "cli.ts"],
    refuses: /"error":/,
  },
  { name: "package", args: ["publish", "--dry-run", "--allow-dirty"] },
  { name: "bundle", args: ["run", "-P=script", "scripts/bundle.ts"] },
];

/** Runs a check; returns its output if it fails, null if it passes. */
async function failureOf({ args, refuses }: Check): Promise<string | null> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const output = stripColor(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr));
  return success && refuses?.test(output) !== true ? null : output;
}

const tally = { passed: 0, failed: 0, skipped: 0 };
for (const check of CHECKS) {
  const start = performance.now();
  const failure = await failureOf(check);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`${failure === null ? "ok    " : "FAILED"} ${check.name} (${seconds} s)`);
  if (failure === null) tally.passed++;
  else {
    tally.failed++;
    console.log(failure.trimEnd().split("\n").slice(-60).map((line) => `    ${line}`).join("\n"));
  }
}
console.log(summaryLine(tally));
Deno.exitCode = tally.failed === 0 ? 0 : 1;
