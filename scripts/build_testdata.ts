/**
 * Compiles the sources of `testdata/objects` to the objects beside them. A line `// build: FLAGS` in a source adds
 * flags. The objects are in the repository, so that tests need no compiler; run this after a change of a source.
 *
 *     deno run --allow-read --allow-run scripts/build_testdata.ts
 *
 * @module
 */

const folder = new URL("../testdata/objects/", import.meta.url);
const compiler = "clang-19";
const flags = ["-target", "bpf", "-g", "-O2", "-Wall", "-ffile-compilation-dir=."];

/** Compiles a source; returns whether it worked. */
function build(source: string): boolean {
  const text = Deno.readTextFileSync(new URL(source, folder));
  const own = /^\/\/ build: (.*)$/m.exec(text)?.[1].split(" ") ?? [];
  const target = source.replace(/\.c$/, ".o");
  const { success } = new Deno.Command(compiler, {
    args: [...flags, ...own, "-c", source, "-o", target],
    cwd: folder,
    stdout: "inherit",
    stderr: "inherit",
  }).outputSync();
  console.log(`${success ? "built" : "failed"} ${target}`);
  return success;
}

const sources = [...Deno.readDirSync(folder)].map((e) => e.name).filter((n) => n.endsWith(".c"));
const results = sources.sort().map(build);
if (!results.every((success) => success)) Deno.exit(1);
