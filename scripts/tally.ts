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
 * @param text Any text.
 * @returns Its lines that are not empty.
 */
export function lines(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

/**
 * @param text Output of a terminal program.
 * @returns The text without its colour sequences.
 */
export function stripColor(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "");
}

/**
 * Counts the tests of a `deno test` run by its last line.
 *
 * @param output What the run printed.
 * @param code Its exit status; a run that failed without a failed test counts as one failure.
 * @param skipsWhileRunning How many of the tests that passed had skipped themselves.
 * @returns The counts.
 */
export function tallyOfTests(output: string, code: number, skipsWhileRunning: number): Tally {
  const summary = stripColor(output)
    .match(/\| (\d+) passed(?: \([^)]*\))? \| (\d+) failed(?: \([^)]*\))?(?: \| (\d+) ignored)?/);
  if (summary === null) return { passed: 0, failed: 1, skipped: 0 };
  const [passed, failed, ignored] = summary.slice(1).map((count) => Number(count ?? 0));
  return {
    passed: passed - skipsWhileRunning,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: ignored + skipsWhileRunning,
  };
}
