/**
 * Compiles the sources of `testdata/objects` and `testdata/bench` to the objects beside them. A line `// build: FLAGS`
 * in a source adds flags. The objects are in the repository, so that tests need no compiler; run this after a change of a source.
 *
 *     deno run --allow-read --allow-run scripts/build_testdata.ts
 *
 * @module
 */

const compiler = "clang-19";
const flags = ["-target", "bpf", "-g", "-O2", "-Wall", "-ffile-compilation-dir=."];

/** Flags of each folder of `testdata` with sources. */
const FOLDERS: { readonly [folder: string]: readonly string[] } = {
  objects: [],
  // Without built-in functions a loop over bytes stays a loop: there is no memcpy to call.
  bench: ["-mcpu=v3", "-fno-builtin"],
};

/** Compiles a source; returns whether it worked. */
function build(folder: URL, more: readonly string[], source: string): boolean {
  const text = Deno.readTextFileSync(new URL(source, folder));
  const own = /^\/\/ build: (.*)$/m.exec(text)?.[1].split(" ") ?? [];
  const target = source.replace(/\.c$/, ".o");
  const { success } = new Deno.Command(compiler, {
    args: [...flags, ...more, ...own, "-c", source, "-o", target],
    cwd: folder,
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  console.log(`${success ? "built" : "failed"} ${target}`);
  return success;
}

const results = Object.entries(FOLDERS).flatMap(([name, more]) => {
  const folder = new URL(`../testdata/${name}/`, import.meta.url);
  const sources = [...Deno.readDirSync(folder)].map((e) => e.name).filter((n) => n.endsWith(".c"));
  return sources.sort().map((source) => build(folder, more, source));
});
if (!results.every((success) => success)) Deno.exit(1);
