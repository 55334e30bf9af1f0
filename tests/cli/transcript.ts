/**
 * Transcripts of the command line: files, commands, and what each command prints.
 *
 * ```text
 * -- answer.s
 * r0 = 42
 * exit
 * -- commands
 * $ epass run answer.s
 * | 0x2a after 2 instructions
 * $ epass run missing.s
 * ! epass: cannot read missing.s: no such file or folder
 * [1]
 * ```
 *
 * `|` begins a line of standard output, `!` one of standard error; a status other than 0 stands in brackets. `< FILE`
 * gives standard input. A command may read the objects of testdata/objects by name; what it writes stays in memory.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runCli } from "../../lib/cli/app.ts";
import type { Host } from "../../lib/cli/host.ts";
import { EpassError } from "../../lib/errors.ts";
import { ROOT } from "../support.ts";

/** What a command did. */
export interface Outcome {
  /** Exit status. */
  readonly status: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
}

/** A host whose files are in memory. */
class MemoryHost implements Host {
  readonly #files: Map<string, Uint8Array>;
  readonly #stdin: Uint8Array;
  out = "";
  err = "";

  constructor(files: Map<string, Uint8Array>, stdin: Uint8Array) {
    this.#files = files;
    this.#stdin = stdin;
  }

  read(name: string): Promise<Uint8Array> {
    if (name === "-") return Promise.resolve(this.#stdin);
    const bytes = this.#files.get(name) ?? testObject(name);
    return bytes !== null
      ? Promise.resolve(bytes)
      : Promise.reject(new EpassError(`cannot read ${name}: no such file or folder`));
  }

  write(name: string, bytes: Uint8Array): Promise<void> {
    if (name === "-") this.out += new TextDecoder().decode(bytes);
    else this.#files.set(name, bytes.slice());
    return Promise.resolve();
  }

  warn(text: string): Promise<void> {
    this.err += text;
    return Promise.resolve();
  }
}

/** The bytes of a test object, or null if there is none of that name. */
function testObject(name: string): Uint8Array | null {
  if (!/^\w+\.o$/.test(name)) return null;
  try {
    return new Uint8Array(readFileSync(join(ROOT, "testdata", "objects", name)));
  } catch {
    return null;
  }
}

/**
 * Runs a command line as a shell would split it at white space; `'...'` is one word.
 *
 * @param command The command line, `epass` first.
 * @param files Files by name: what it reads and writes.
 * @returns What it did.
 */
export async function runCommand(
  command: string,
  files: Map<string, Uint8Array>,
): Promise<Outcome> {
  const [line, stdin] = command.split(" < ");
  const words = [...line.matchAll(/'([^']*)'|\S+/g)].map((match) => match[1] ?? match[0]);
  const host = new MemoryHost(files, files.get(stdin) ?? new Uint8Array(0));
  const status = await runCli(words.slice(1), host);
  return { status, out: host.out, err: host.err };
}

const prefixed = (prefix: string, text: string): string[] =>
  text === ""
    ? []
    : text.replace(/\n$/, "").split("\n").map((line) => `${prefix} ${line}`.trimEnd());

/**
 * Runs a transcript.
 *
 * @param text The transcript.
 * @returns The transcript as it should read, by what the commands print now.
 */
export async function replay(text: string): Promise<string> {
  const [head, commands] = text.split(/^-- commands\n/m);
  const files = new Map<string, Uint8Array>();
  for (const part of head.split(/^-- /m).slice(1)) {
    const end = part.indexOf("\n");
    files.set(part.slice(0, end), new TextEncoder().encode(part.slice(end + 1)));
  }
  const lines: string[] = [];
  for (const line of commands.split("\n")) {
    if (line.startsWith("#") || line === "") lines.push(line);
    if (!line.startsWith("$ ")) continue;
    const { status, out, err } = await runCommand(line.slice(2), files);
    lines.push(line, ...prefixed("|", out), ...prefixed("!", err));
    if (status !== 0) lines.push(`[${status}]`);
  }
  return `${head}-- commands\n${lines.join("\n")}`;
}
