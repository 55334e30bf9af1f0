import assert from "node:assert/strict";
import { type BpftoolLoad, bpftoolLoad } from "../../scripts/bpftool_loads.ts";
import { buildPreload, PRELOAD_SOURCES } from "../../scripts/preload.ts";
import { ROOT, testWith } from "../support.ts";

const OBJECT = `${ROOT}testdata/objects/firewall.o`;
const PROGRAMS = ["count_drops", "count_egress", "firewall"];
const EPASS = `${Deno.execPath()} run --no-prompt ${ROOT}cli.ts`;

/** Runs a step in a folder with the library, which is removed. */
function inFolder(step: (folder: string, library: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "epass-preload-" });
  try {
    const library = `${folder}/libepass_preload.so`;
    buildPreload(library);
    step(folder, library);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** A command that runs a shell script. */
function command(folder: string, name: string, script: string): string {
  Deno.writeTextFileSync(`${folder}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return `${folder}/${name}`;
}

function preloaded(
  library: string,
  epass: string,
  variables: { readonly [name: string]: string } = {},
): BpftoolLoad {
  return bpftoolLoad(OBJECT, {
    list: true,
    env: {
      LD_PRELOAD: library,
      EPASS_PRELOAD: "1",
      EPASS_VERBOSE: "1",
      EPASS_COMMAND: epass,
      ...variables,
    },
  });
}

/** The source lines of a listing. */
const sourceLines = (listing: string): string[] =>
  listing.split("\n").filter((line) => line.startsWith(";"));

testWith("cc", "epass in C, from several threads", () =>
  inFolder((folder, library) => {
    const client = `${folder}/client`;
    const build = new Deno.Command("cc", {
      // deno-fmt-ignore
      args: [
        "-Wall", "-Wextra", "-Werror", "-pthread", `-I${PRELOAD_SOURCES}`, "-o", client,
        `${ROOT}tests/kernel/preload_client.c`, library,
      ],
    }).outputSync();
    assert.ok(build.success, new TextDecoder().decode(build.stderr));
    const run = (epass: string, timeout: string) =>
      new Deno.Command(client, {
        env: { EPASS_COMMAND: epass, EPASS_TIMEOUT: timeout, LD_LIBRARY_PATH: folder },
      }).outputSync();
    const done = run(EPASS, "60000");
    assert.equal(done.code, 0, new TextDecoder().decode(done.stdout));
    const hung = run(command(folder, "hang", "sleep 60 & sleep 60"), "50");
    assert.equal(hung.code, 1);
    assert.match(new TextDecoder().decode(hung.stdout), /^(epass took more than 50 ms\n){12}$/);
  }));

testWith(
  ["cc", "bpftool", "kernel"],
  "bpftool loads rewritten programs under the library",
  () =>
    inFolder((_, library) => {
      const plain = bpftoolLoad(OBJECT, { list: true });
      assert.deepEqual(plain.programs, PROGRAMS);
      const rewritten = preloaded(library, EPASS, { EPASS_OPTIONS: "-O0 --check" });
      assert.deepEqual(rewritten.programs, PROGRAMS, rewritten.messages);
      assert.equal(rewritten.rewritten, 3, rewritten.messages);
      assert.ok(sourceLines(plain.listing).length > 10);
      assert.deepEqual(sourceLines(rewritten.listing), sourceLines(plain.listing));
    }),
);

testWith(
  ["cc", "bpftool", "kernel"],
  "records follow instructions that move",
  () =>
    inFolder((_, library) => {
      const plain = bpftoolLoad(OBJECT, { list: true });
      const padding = `${Deno.execPath()} run --no-prompt ${ROOT}tests/kernel/padding_epass.ts`;
      const moved = preloaded(library, padding, { EPASS_TIMEOUT: "60000" });
      assert.equal(moved.rewritten, 3, moved.messages);
      assert.match(moved.messages, /firewall: rewritten, 125 -> (?!125)/);
      assert.deepEqual(sourceLines(moved.listing), sourceLines(plain.listing));
    }),
);

testWith(
  ["cc", "bpftool", "kernel"],
  "the original is loaded where a rewrite fails",
  () =>
    inFolder((folder, library) => {
      const good = command(folder, "good", `exec ${EPASS} "$@"`);
      // A rewrite that the kernel refuses: its first instruction becomes `exit` before r0 is set.
      const refused = command(
        folder,
        "refused",
        `${good} "$@" > ${folder}/$$ && printf '\\225\\0\\0\\0\\0\\0\\0\\0' |
        dd of=${folder}/$$ bs=1 seek=48 conv=notrunc 2>/dev/null && cat ${folder}/$$`,
      );
      const cases: readonly [string, RegExp][] = [
        ["/nonexistent", /cannot run \/nonexistent: No such file/],
        [command(folder, "status", "exit 3"), /epass failed with status 3/],
        [command(folder, "silent", "cat > /dev/null"), /epass gave no program/],
        [
          command(folder, "nonsense", "exec yes nonsense"),
          /epass gave something else than a program/,
        ],
        [command(folder, "cut", `${good} "$@" | head -c 100`), /epass gave no program/],
        [command(folder, "more", `${good} "$@"; echo`), /epass gave more than a program/],
        [command(folder, "signal", "kill -9 $$"), /epass was killed by signal 9/],
        [refused, /the kernel refuses its rewrite: /],
      ];
      for (const [epass, reason] of cases) {
        const load = preloaded(library, epass, { EPASS_TIMEOUT: "60000" });
        assert.deepEqual(load.programs, PROGRAMS, load.messages);
        assert.equal(load.rewritten, 0, load.messages);
        assert.match(load.messages, reason);
      }
      const hang = preloaded(library, command(folder, "hang", "exec sleep 60"), {
        EPASS_TIMEOUT: "50",
      });
      assert.deepEqual(hang.programs, PROGRAMS, hang.messages);
      assert.match(hang.messages, /epass took more than 50 ms/);
    }),
);

testWith(
  ["cc", "bpftool", "kernel"],
  "the library does nothing unless it is told to",
  () =>
    inFolder((_, library) => {
      const load = preloaded(library, "/nonexistent", { EPASS_PRELOAD: "" });
      assert.deepEqual(load.programs, PROGRAMS);
      assert.equal(load.messages, "");
    }),
);
