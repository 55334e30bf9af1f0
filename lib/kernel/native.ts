/**
 * Native libraries: which files they are, which permission they need, and memory outside JavaScript as numbers. Nothing
 * here needs more than `--allow-ffi` for the libraries themselves.
 *
 * @module
 */

import { EpassError } from "../errors.ts";

/** All that may be opened, for the message about permissions. */
const LIBRARIES = ["libc.so.6", "libbpf.so.1"];

/** Where distributions put libraries, most common first; the bare name leaves the search to the loader. */
function candidates(name: string): string[] {
  const arch = Deno.build.arch;
  const folders = [
    `/usr/lib/${arch}-linux-gnu`,
    `/lib/${arch}-linux-gnu`,
    "/usr/lib64",
    "/usr/lib",
  ];
  return [name, ...folders.map((folder) => `${folder}/${name}`)];
}

const isGranted = (path: string): boolean =>
  Deno.permissions.querySync({ name: "ffi", path }).state === "granted";

/**
 * Opens a library.
 *
 * @param name Its file name, such as `libc.so.6`.
 * @param symbols What is needed of it.
 * @param remedy How to get it, for the message.
 * @returns The library.
 * @throws {EpassError} If it is missing, or Deno may not open it.
 */
export function openLibrary<const S extends Deno.ForeignLibraryInterface>(
  name: string,
  symbols: S,
  remedy: string,
): Deno.DynamicLibrary<S> {
  if (Deno.build.os !== "linux") {
    throw new EpassError(`cannot use the kernel: ${Deno.build.os} is not Linux`);
  }
  const granted = candidates(name).filter(isGranted);
  if (granted.length === 0) {
    const paths = LIBRARIES.map((library) => candidates(library)[1]).join(",");
    throw new EpassError(
      `cannot open ${name}: Deno was not given the permission; use --allow-ffi, or --allow-ffi=${paths}`,
    );
  }
  let state = "";
  for (const path of granted) {
    try {
      return Deno.dlopen(path, symbols);
    } catch (error) {
      state ||= error instanceof Error ? error.message : String(error);
    }
  }
  throw new EpassError(`cannot open ${name}: ${state}; ${remedy}`);
}

const POSSIBLE_PROCESSORS = "/sys/devices/system/cpu/possible";

const O_CLOEXEC = 0x80000, PROT_READ_WRITE = 3, MAP_SHARED = 1, MAP_FIXED_NOREPLACE = 0x100000;
const MAP_FAILED = 2n ** 64n - 1n;

/** Bytes of a set of processors: 8,192 of them. */
const AFFINITY_BYTES = 1024;

const LIBC = {
  syscall: { parameters: ["i64", "i64", "buffer", "i64"], result: "i64" },
  __errno_location: { parameters: [], result: "u64" },
  memmove: { parameters: ["buffer", "u64", "usize"], result: "u64" },
  memmove_to: { name: "memmove", parameters: ["u64", "buffer", "usize"], result: "u64" },
  mmap: { parameters: ["u64", "usize", "i32", "i32", "i32", "i64"], result: "u64" },
  munmap: { parameters: ["u64", "usize"], result: "i32" },
  getpagesize: { parameters: [], result: "i32" },
  strlen: { parameters: ["u64"], result: "usize" },
  geteuid: { parameters: [], result: "u32" },
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  dup: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  close: { parameters: ["i32"], result: "i32" },
} as const;

/** The C library and what it makes possible. */
export class Native {
  /** The functions of the C library. */
  readonly libc: Deno.DynamicLibrary<typeof LIBC>["symbols"];
  readonly #library: Deno.DynamicLibrary<typeof LIBC>;
  readonly #errno: bigint;

  /**
   * Opens the C library.
   *
   * @throws {EpassError} If it is missing, or Deno may not open it.
   */
  constructor() {
    this.#library = openLibrary("libc.so.6", LIBC, "epass needs the GNU C library for this");
    this.libc = this.#library.symbols;
    this.#errno = this.libc.__errno_location();
  }

  /** Closes the library. */
  close(): void {
    this.#library.close();
  }

  /**
   * The address of a buffer, which must outlive its use.
   *
   * @param bytes A buffer from {@link buffer}: small typed arrays may lie where the collector moves them.
   * @returns Its address.
   */
  address(bytes: Uint8Array<ArrayBuffer>): bigint {
    return this.libc.memmove(bytes, 0n, 0n);
  }

  /**
   * Copies memory.
   *
   * @param at Address of the first byte.
   * @param size How many bytes.
   * @returns A copy.
   */
  copy(at: bigint, size: number): Uint8Array<ArrayBuffer> {
    const bytes = buffer(size);
    if (size > 0) this.libc.memmove(bytes, at, BigInt(size));
    return bytes;
  }

  /**
   * Reads a C string.
   *
   * @param at Its address.
   * @returns The string; empty for a null pointer.
   */
  string(at: bigint): string {
    return at === 0n ? "" : new TextDecoder().decode(this.copy(at, Number(this.libc.strlen(at))));
  }

  /**
   * Reads a file of /proc or /sys, which Deno reads with all permissions only.
   *
   * @param path Its path.
   * @param most Bytes after which it is cut.
   * @returns Its bytes; none if it cannot be read.
   */
  readFile(path: string, most: number): Uint8Array {
    const fd = this.libc.open(cText(path), O_CLOEXEC);
    if (fd < 0) return new Uint8Array(0);
    const pieces: Uint8Array[] = [];
    let total = 0;
    while (total < most) {
      const piece = buffer(Math.min(1 << 16, most - total));
      const size = Number(this.libc.read(fd, piece, BigInt(piece.length)));
      if (size <= 0) break;
      pieces.push(piece.subarray(0, size));
      total += size;
    }
    this.libc.close(fd);
    const bytes = new Uint8Array(total);
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }

  /**
   * Reads a file of text, as {@link readFile} does.
   *
   * @param path Its path.
   * @param most Bytes after which it is cut.
   * @returns Its text; empty if it cannot be read.
   */
  readText(path: string, most: number): string {
    return new TextDecoder().decode(this.readFile(path, most));
  }

  /**
   * How many processors the kernel may have: maps with a value for each pass so many.
   *
   * @returns The number.
   * @throws {EpassError} If the kernel does not tell.
   */
  possibleProcessors(): number {
    const last = /(\d+)\s*$/.exec(this.readText(POSSIBLE_PROCESSORS, 1 << 12));
    if (last === null) throw new EpassError(`cannot read ${POSSIBLE_PROCESSORS}`);
    return Number(last[1]) + 1;
  }

  /**
   * Maps a file into memory for a moment, shared, and writes into it.
   *
   * @param fd The file, such as an arena.
   * @param at Address to map it at, where nothing else is; 0 for any.
   * @param size Bytes to map.
   * @param contents What to write at its start; at most as many bytes.
   * @returns 0, or a negative error number.
   */
  writeMapped(fd: number, at: bigint, size: bigint, contents: Uint8Array): number {
    const flags = MAP_SHARED | (at === 0n ? 0 : MAP_FIXED_NOREPLACE);
    const address = this.libc.mmap(at, size, PROT_READ_WRITE, flags, fd, 0n);
    if (address === MAP_FAILED) return -this.errno;
    const bytes = buffer(contents.length);
    bytes.set(contents);
    if (bytes.length > 0) this.libc.memmove_to(address, bytes, BigInt(bytes.length));
    this.libc.munmap(address, size);
    return 0;
  }

  /**
   * Keeps this thread on one processor during a step, so that maps with a value for each processor compare.
   *
   * @param step The step; it is told the number of the processor.
   * @returns What it returns.
   */
  onOneProcessor<T>(step: (processor: number) => T): T {
    const size = BigInt(AFFINITY_BYTES);
    const before = buffer(AFFINITY_BYTES);
    this.libc.sched_getaffinity(0, size, before);
    const one = buffer(AFFINITY_BYTES);
    const allowed = before.findIndex((byte) => byte !== 0);
    if (allowed >= 0) one[allowed] = before[allowed] & -before[allowed];
    this.libc.sched_setaffinity(0, size, one);
    try {
      return step(allowed < 0 ? 0 : 8 * allowed + 31 - Math.clz32(one[allowed]));
    } finally {
      this.libc.sched_setaffinity(0, size, before);
    }
  }

  /** The error number of the last call that failed. */
  get errno(): number {
    return new DataView(this.copy(this.#errno, 4).buffer).getInt32(0, true);
  }
}

/**
 * @param size A size in bytes.
 * @returns Zeroed memory that never moves.
 */
export function buffer(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(size));
}

/**
 * @param text Any text.
 * @returns It as a C string in memory that never moves.
 */
export function cText(text: string): Uint8Array<ArrayBuffer> {
  const encoded = new TextEncoder().encode(text);
  const bytes = buffer(encoded.length + 1);
  bytes.set(encoded);
  return bytes;
}

/**
 * @param bytes Memory that holds a C string.
 * @returns The string up to its NUL.
 */
export function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.subarray(0, end < 0 ? bytes.length : end));
}

/** Names of the error numbers that bpf(2) returns (errno.h; 524 is the kernel's own). */
// deno-fmt-ignore
const ERRNO: { readonly [errno: number]: string } = {
  1: "EPERM", 2: "ENOENT", 3: "ESRCH", 4: "EINTR", 7: "E2BIG", 9: "EBADF", 11: "EAGAIN", 12: "ENOMEM", 13: "EACCES",
  14: "EFAULT", 16: "EBUSY", 17: "EEXIST", 19: "ENODEV", 22: "EINVAL", 24: "EMFILE", 28: "ENOSPC", 34: "ERANGE",
  38: "ENOSYS", 95: "EOPNOTSUPP", 105: "ENOBUFS", 110: "ETIMEDOUT", 524: "ENOTSUPP",
};

/**
 * @param errno An error number, positive.
 * @returns Its name.
 */
export function errnoName(errno: number): string {
  return ERRNO[errno] ?? `errno ${errno}`;
}
