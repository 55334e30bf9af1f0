/**
 * Makes `dist/epass.js`: the command line as one file without dependencies. Checks that it starts with no permission at
 * all, and that it does with the permission to read an object what the modules do.
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

const object = "testdata/objects/firewall.o";
const lift = ["--no-prompt", `--allow-read=${object}`];
const [ours, modules] = [
  await deno("run", "--no-config", ...lift, output, "lift", object),
  await deno("run", ...lift, "cli.ts", "lift", object),
];
if (ours !== modules) throw new Error(`${output} does not lift ${object} as cli.ts does`);
console.log(`${output}: ${version.trim()}, ${code.length} bytes`);
