/**
 * Checks the layers: a file imports from its own folder and from the layers below, never from above. The library
 * outside `lib/cli` and `lib/kernel` uses neither `Deno` nor `node:` nor packages: bytes in, bytes out.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { summaryLine } from "./tally.ts";

/** The layers, lowest first. A name is a file or a folder from the root; those on one line are the same layer. */
const LAYERS: readonly (readonly string[])[] = [
  ["deno.json"],
  ["lib/errors.ts"],
  ["lib/bytes.ts", "lib/random_input.ts"],
  ["lib/isa"],
  ["lib/object"],
  ["lib/ir"],
  ["lib/lift"],
  ["lib/passes"],
  ["lib/proof"],
  ["lib/codegen"],
  ["lib/targets"],
  ["lib/kernel"],
  ["lib/runtime"],
  ["lib/vm"],
  ["lib/testing"],
  ["lib/testing.ts"],
  ["lib/compile.ts"],
  ["lib/equivalence.ts"],
  ["lib/cli"],
  ["mod.ts", "cli.ts"],
];

/** Folders that may use the host: `Deno`, `node:` modules, packages. */
const HOSTED = ["lib/cli", "lib/kernel", "cli.ts"];

const isIn = (file: string, place: string): boolean =>
  file === place || file.startsWith(`${place}/`);

/** The index of the layer of a file, -1 if it belongs to none. */
function layerOf(file: string): number {
  return LAYERS.findIndex((places) => places.some((place) => isIn(file, place)));
}

/** The text without comments; a `//` after a colon belongs to an address. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(?<!:)\/\/.*$/gm, "");
}

/** The specifiers that a module imports or re-exports from. */
function importsOf(text: string): string[] {
  const pattern =
    /^\s*(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
  return [...text.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? match[3]);
}

/** What is wrong with one import of a file; empty if nothing is. */
function importFault(file: string, specifier: string): string {
  if (!specifier.startsWith(".")) {
    return HOSTED.some((place) => isIn(file, place)) ? "" : `imports ${specifier}`;
  }
  const target = posix.join(posix.dirname(file), specifier);
  if (layerOf(target) < 0) return `imports ${target}, which is in no layer`;
  return layerOf(target) <= layerOf(file) ? "" : `imports ${target}, which is above it`;
}

/**
 * Checks one file.
 *
 * @param file Its path from the root, with slashes.
 * @param text Its content.
 * @returns What is wrong with it, a line each.
 */
export function layerFaults(file: string, text: string): string[] {
  if (layerOf(file) < 0) return [`${file}: is in no layer`];
  const code = withoutComments(text);
  const faults = importsOf(code).map((specifier) => importFault(file, specifier));
  if (!HOSTED.some((place) => isIn(file, place)) && /\bDeno\s*\./.test(code)) {
    faults.push("uses Deno");
  }
  return faults.filter((fault) => fault !== "").map((fault) => `${file}: ${fault}`);
}

/** Checks the library and the entry points. */
function main(): void {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const files = readdirSync(join(root, "lib"), { recursive: true, encoding: "utf8" })
    .map((name) => posix.join("lib", name.replaceAll("\\", "/")))
    .filter((name) => name.endsWith(".ts"));
  const tally = { passed: 0, failed: 0, skipped: 0 };
  for (const file of ["mod.ts", "cli.ts", ...files.sort()]) {
    const faults = layerFaults(file, readFileSync(join(root, file), "utf8"));
    for (const fault of faults) console.error(fault);
    if (faults.length === 0) tally.passed++;
    else tally.failed++;
  }
  console.log(summaryLine(tally));
  Deno.exitCode = tally.failed === 0 ? 0 : 1;
}

if (import.meta.main) main();
