/**
 * Start-up of the bundle: `epass --help` against a trivial program, the fastest of many runs of each, in turn. Fails if
 * it takes more than {@link LIMIT} times as long. Needs dist/epass.js, from `deno task bundle`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** How much longer the bundle may take to start. */
const LIMIT = 2.5;
const ROUNDS = 20;

const bundle = fileURLToPath(new URL("../dist/epass.js", import.meta.url));

/** Milliseconds of a run of Deno. */
async function once(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const { success } = await new Deno.Command(Deno.execPath(), { args: [...args] }).output();
  if (!success) throw new Error(`cannot measure deno ${args.join(" ")}: it failed`);
  return performance.now() - start;
}

const trivial = await Deno.makeTempFile({ prefix: "epass-trivial-", suffix: ".js" });
try {
  await Deno.writeTextFile(trivial, 'console.log("hello");\n');
  let least = Infinity, ours = Infinity;
  for (let i = 0; i < ROUNDS; i++) {
    least = Math.min(least, await once(["run", "--no-config", trivial]));
    ours = Math.min(ours, await once(["run", "--no-config", bundle, "--help"]));
  }
  const ratio = ours / least;
  console.log(
    `epass --help ${ours.toFixed(1)} ms, a trivial program ${least.toFixed(1)} ms: ` +
      `${ratio.toFixed(2)} times (limit ${LIMIT})`,
  );
  Deno.exitCode = ratio <= LIMIT ? 0 : 1;
} finally {
  await Deno.remove(trivial);
}
