/**
 * Counts of checks, and the one line in which every script here reports them.
 *
 * @module
 */

/** How many checks passed, failed, and were skipped. */
export interface Tally {
  /** Checks that held. */
  passed: number;
  /** Checks that did not. */
  failed: number;
  /** Checks that could not be made on this machine. */
  skipped: number;
}

/**
 * @param tally The counts.
 * @returns The line that ends a script's output.
 */
export function summaryLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
}

/**
 * @param text Output of a terminal program.
 * @returns The text without its colour sequences.
 */
export function stripColor(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

/** What a test prints that skips itself while it runs, at the start of a line (tests/support.ts). */
export const SKIPPED_WHILE_RUNNING = "skipped while running: ";

/**
 * Counts the tests of a `deno test` run by its last line, and those that said that they skip themselves.
 *
 * @param output What the run printed.
 * @param code Its exit status; a run that failed without a failed test counts as one failure.
 * @returns The counts.
 */
export function tallyOfTests(output: string, code: number): Tally {
  const text = stripColor(output);
  const summary = text
    .match(/\| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/);
  if (summary === null) return { passed: 0, failed: 1, skipped: 0 };
  const [passed, failed, ignored] = summary.slice(1).map((count) => Number(count ?? 0));
  const skips = text.split("\n").filter((line) => line.startsWith(SKIPPED_WHILE_RUNNING)).length;
  return {
    passed: passed - skips,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: ignored + skips,
  };
}
