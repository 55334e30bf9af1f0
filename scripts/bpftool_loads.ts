/**
 * Objects through `bpftool prog loadall`, with or without the preload library. Programs and maps are pinned in a file
 * system of a mount namespace of its own, which ends with the process: no pin outlives it, and none of others is met.
 *
 * @module
 */

import { spawnSync } from "node:child_process";
import process from "node:process";

/** What came of loading an object. */
export interface BpftoolLoad {
  /** Names of the programs, sorted; null if it was refused. */
  readonly programs: readonly string[] | null;
  /** Programs that were loaded rewritten, as the library tells. */
  readonly rewritten: number;
  /** Programs that the library loaded as they are. */
  readonly original: number;
  /** Standard error. */
  readonly messages: string;
  /** The translated instructions of the first program with their source lines, if they were asked for. */
  readonly listing: string;
}

/** How to load an object. */
export interface BpftoolOptions {
  /** Environment variables of bpftool besides those of this process. */
  readonly env?: { readonly [name: string]: string };
  /** Whether to list the first program. */
  readonly list?: boolean;
}

/** Loads the object `$1`, names its programs, and with `$2` lists the first; `$3...` are variables of the loader. */
const SCRIPT = `
mount -t bpf bpf /sys/fs/bpf || exit 125
object=$1 list=$2
shift 2
env "$@" bpftool prog loadall "$object" /sys/fs/bpf/programs || exit 1
cd /sys/fs/bpf/programs || exit 1
ls
echo
[ "$list" = false ] || bpftool prog dump xlated pinned "$PWD/$(ls | head -n 1)" linum
`;

/** Status of {@link SCRIPT} where it cannot pin. */
const NO_PINS = 125;

const countOf = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

/**
 * Loads all programs of an object, pins them for a moment, and unloads them.
 *
 * @param object Path of the object.
 * @param options How to load it.
 * @returns What came of it.
 * @throws {Error} If programs cannot be pinned here.
 */
export function bpftoolLoad(object: string, options: BpftoolOptions = {}): BpftoolLoad {
  const variables = Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${value}`);
  const { status, stdout, stderr, error } = spawnSync(
    "unshare",
    ["--mount", "sh", "-c", SCRIPT, "sh", object, `${options.list ?? false}`, ...variables],
    { encoding: "utf8", env: process.env, timeout: 120_000, maxBuffer: 1 << 26 },
  );
  if (error !== undefined || status === NO_PINS) {
    throw new Error(`cannot load ${object}: ${error?.message ?? stderr}`);
  }
  const [names, listing = ""] = stdout.split(/\n\n(.*)/s);
  return {
    programs: status === 0 ? names.split("\n").filter((name) => name !== "").sort() : null,
    rewritten: countOf(stderr, /^epass: .*: rewritten, /gm),
    original: countOf(stderr, /^epass: .*: loaded as it is: /gm),
    messages: stderr,
    listing,
  };
}
