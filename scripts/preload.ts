/**
 * Builds the preload library with the C compiler of the system: `deno task preload [OUT]`, `dist/libepass_preload.so` by
 * default.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of the sources, which a C program that uses `epass.h` includes from. */
export const PRELOAD_SOURCES: string = fileURLToPath(
  new URL("../lib/kernel/preload", import.meta.url),
);

// deno-fmt-ignore
const FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-fPIC", "-pthread", "-shared"];

/**
 * Builds the library.
 *
 * @param output Path of the shared object.
 * @throws {Error} If the compiler is missing or finds fault.
 */
export function buildPreload(output: string): void {
  mkdirSync(dirname(output), { recursive: true });
  const sources = ["settings.c", "epass_run.c", "preload.c"].map((n) => `${PRELOAD_SOURCES}/${n}`);
  execFileSync("cc", [...FLAGS, "-o", output, ...sources], { stdio: "inherit" });
}

if (import.meta.main) {
  const output = Deno.args[0] ?? "dist/libepass_preload.so";
  buildPreload(output);
  console.log(output);
}
