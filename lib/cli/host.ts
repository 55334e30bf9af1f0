/**
 * What the command line needs of its host, so that tests can stand in for it: files, standard streams, nothing else.
 * No environment variable is read and no other permission is asked for.
 *
 * @module
 */

import { EpassError } from "../errors.ts";

/** Files and standard streams. */
export interface Host {
  /**
   * Reads a file whole.
   *
   * @param name Its path, or `-` for standard input.
   * @returns Its bytes.
   * @throws {EpassError} If it cannot be read.
   */
  read(name: string): Promise<Uint8Array>;
  /**
   * Writes a file whole; nothing is touched before the bytes are complete.
   *
   * @param name Its path, or `-` for standard output.
   * @param bytes Its new content.
   * @throws {EpassError} If it cannot be written.
   */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /**
   * Writes messages.
   *
   * @param text Lines for standard error.
   */
  warn(text: string): Promise<void>;
}

/** The state of a failed file operation, in words. */
function stateOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file or folder";
  if (error instanceof Deno.errors.NotCapable) return "Deno was not given the permission";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  return error instanceof Error ? error.message : String(error);
}

async function writeAll(stream: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(bytes);
  } catch (error) {
    // The reader has seen enough, as `head` does.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  } finally {
    writer.releaseLock();
  }
}

async function readStream(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Writes a file, making its folder if that is missing. */
async function writeFile(name: string, bytes: Uint8Array): Promise<void> {
  try {
    await Deno.writeFile(name, bytes);
  } catch (error) {
    const folder = name.slice(0, Math.max(name.lastIndexOf("/"), name.lastIndexOf("\\")));
    if (!(error instanceof Deno.errors.NotFound) || folder === "") throw error;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(name, bytes);
  }
}

/** The files and streams of this process. */
export const denoHost: Host = {
  async read(name) {
    try {
      return name === "-" ? await readStream(Deno.stdin.readable) : await Deno.readFile(name);
    } catch (error) {
      throw new EpassError(`cannot read ${name}: ${stateOf(error)}`);
    }
  },
  async write(name, bytes) {
    try {
      if (name === "-") await writeAll(Deno.stdout.writable, bytes);
      else await writeFile(name, bytes);
    } catch (error) {
      throw new EpassError(`cannot write ${name}: ${stateOf(error)}`);
    }
  },
  async warn(text) {
    await writeAll(Deno.stderr.writable, new TextEncoder().encode(text));
  },
};
