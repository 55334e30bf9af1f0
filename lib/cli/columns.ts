/**
 * Tables of text.
 *
 * @module
 */

/**
 * Lays out rows in columns, each as wide as its widest cell.
 *
 * @param rows The rows, of as many cells each.
 * @returns A line for each row.
 */
export function columns(rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const widths = rows[0].map((_, i) =>
    rows.reduce((width, row) => Math.max(width, row[i].length), 0)
  );
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join("  ").trimEnd());
}
