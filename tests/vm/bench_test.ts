import { deepEqual, equal } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Vm } from "../../lib/vm/vm.ts";
import { ROOT } from "../support.ts";

/** What the programs of testdata/bench return, and a digest of their buffer afterwards, when compiled for the host. */
// deno-fmt-ignore
const NATIVE: { readonly [program: string]: readonly [value: bigint, digest: number] } = {
  bits: [810840n, 2531935207],
  checksum: [94787198n, 3704075488],
  compare: [1073741824500n, 792801633],
  copy: [171n, 2068338082],
  fibonacci: [12870229589196788248n, 2531935207],
  fill: [414n, 851181568],
  helper_calls: [791659n, 2531935207],
  jhash: [2717345382n, 2531935207],
  local_calls: [7010417189893385160n, 2531935207],
  log2: [998944n, 2531935207],
  matrix: [1208646078n, 4119000653],
  opcodes: [13979160110959820296n, 2531935207],
  packet: [1847929000n, 2998343677],
  primes: [1438n, 2531935207],
  search: [10206065n, 3724493210],
  siphash: [1741930497595704059n, 2531935207],
  sort: [16403841746n, 1002615152],
};

/** The same bytes as in native.c. */
function content(size: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return new Uint8Array(size).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}

const digest = (bytes: Uint8Array): number =>
  bytes.reduce((hash, byte) => (Math.imul(hash, 31) + byte) >>> 0, 0);

for (const level of ["sandbox", "strict"] as const) {
  Deno.test(`programs as WebAssembly give what they give when compiled for the host (${level})`, () => {
    for (const [program, expected] of Object.entries(NATIVE)) {
      const bytes = readFileSync(join(ROOT, "testdata", "bench", `${program}.o`));
      const vm = Vm.loadSync(bytes, { engine: "wasm", level });
      const context = content(program === "copy" ? 65_536 : 16_384);
      const result = vm.run({ function: `bench_${program}`, context, limit: 1e9 });
      equal(result.fault, null, program);
      deepEqual([result.returnValue, digest(result.context)], expected, program);
    }
  });
}
