/**
 * What tests share: the places of their data, the tools that some of them need, and skips that are printed and
 * counted. `EPASS_REQUIRE` lists needs, separated by commas, whose absence fails a test instead of skipping it.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { delimiter, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { SKIPPED_WHILE_RUNNING } from "../scripts/tally.ts";

/** The folder of the repository. */
export const ROOT: string = fileURLToPath(new URL("..", import.meta.url));

/** The folder of the test data that is not in the repository: `EPASS_SHARED`, by default `../shared`. */
export const SHARED: string = Deno.env.get("EPASS_SHARED") ?? join(ROOT, "..", "shared");

/** What a test may need and a machine may lack. */
export type Need = "shared" | "clang" | "llvm" | "bpftool" | "cc" | "kernel";

/** Whether the search path has an executable. */
function hasExecutable(name: string): boolean {
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter);
  return folders.some((folder) => existsSync(join(folder, name)));
}

/** Whether the user is root; asked of `id`, as Deno would want another permission. */
function isRoot(): boolean {
  return hasExecutable("id") && execFileSync("id", ["-u"], { encoding: "utf8" }).trim() === "0";
}

/** Why programs cannot be loaded into the kernel: what only a load would tell is not asked. */
function whyNoKernel(): string {
  if (Deno.build.os !== "linux") return "not Linux";
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return "no --allow-ffi";
  const folders = [`/usr/lib/${Deno.build.arch}-linux-gnu`, "/usr/lib64", "/usr/lib"];
  if (!folders.some((folder) => existsSync(join(folder, "libbpf.so.1")))) return "no libbpf.so.1";
  return isRoot() ? "" : "not root";
}

const needsTool = (name: string) => (): string => hasExecutable(name) ? "" : `no ${name}`;

/** For each need, why it is not met; empty if it is. */
const WHY_NOT: { readonly [K in Need]: () => string } = {
  shared: () => existsSync(join(SHARED, "conformance")) ? "" : "no test data in ../shared",
  clang: needsTool("clang-19"),
  llvm: needsTool("llvm-objdump-19"),
  bpftool: needsTool("bpftool"),
  cc: needsTool("cc"),
  kernel: whyNoKernel,
};

const required = new Set((Deno.env.get("EPASS_REQUIRE") ?? "").split(",").filter((n) => n !== ""));

/**
 * Why a need is not met.
 *
 * @param needs What a test needs.
 * @returns The reason for the first that this machine lacks, empty if it has all.
 * @throws {Error} If `EPASS_REQUIRE` lists the one that it lacks.
 */
export function missing(...needs: readonly Need[]): string {
  for (const need of needs) {
    const why = WHY_NOT[need]();
    if (why === "") continue;
    if (required.has(need)) throw new Error(`cannot skip what needs ${need}: ${why}`);
    return why;
  }
  return "";
}

/**
 * Skips a test, with a reason that is printed and counted.
 *
 * @param test The running test, which must then return; or the name of a test, which is registered as ignored.
 * @param why The reason.
 */
export function skip(test: Deno.TestContext | string, why: string): void {
  if (typeof test === "string") {
    Deno.test.ignore(test, () => {});
    console.log(`skipped: ${test}: ${why}`);
  } else {
    // It will count as passed unless the runner reads this.
    console.log(`${SKIPPED_WHILE_RUNNING}${test.name}: ${why}`);
  }
}

/**
 * Registers a test that runs only where its needs are met, and is skipped elsewhere.
 *
 * @param needs What it needs.
 * @param name Its name.
 * @param run Its body.
 */
export function testWith(
  needs: Need | readonly Need[],
  name: string,
  run: (t: Deno.TestContext) => void | Promise<void>,
): void {
  const all = typeof needs === "string" ? [needs] : needs;
  let why = "";
  try {
    why = missing(...all);
  } catch (error) {
    Deno.test(name, () => {
      throw error;
    });
    return;
  }
  if (why === "") Deno.test(name, run);
  else skip(name, why);
}

/**
 * The files of a folder and its subfolders.
 *
 * @param folder The folder.
 * @param extension What their names end with.
 * @returns Their paths, sorted.
 */
export function filesUnder(folder: string, extension: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(extension)).sort().map((name) => join(folder, name));
}

/**
 * The name of a file of the shared test data, for messages.
 *
 * @param file Its path.
 * @returns Its path from that folder.
 */
export function sharedName(file: string): string {
  return relative(SHARED, file);
}
