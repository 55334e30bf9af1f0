/**
 * Makes `dist/epass.js`: the command line as one file without dependencies, and checks that it starts with no
 * permission at all.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const output = "dist/epass.js";
const shebang = "#!/usr/bin/env -S deno run --allow-read --allow-write --no-prompt\n";

/** Runs `deno`, failing loudly. */
async function deno(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: root,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

await Deno.mkdir(`${root}/dist`, { recursive: true });
await deno(
  "bundle",
  "--quiet",
  "--platform",
  "deno",
  "--minify",
  "--output",
  output,
  "cli.ts",
);
const code = await Deno.readTextFile(`${root}/${output}`);
await Deno.writeTextFile(`${root}/${output}`, shebang + code, { mode: 0o755 });
const version = await deno("run", "--no-prompt", "--no-config", output, "--version");
console.log(`${output}: ${version.trim()}, ${code.length} bytes`);
