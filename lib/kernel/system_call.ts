/**
 * The system call bpf(2) itself: a command with a struct of attributes. Failures are negative error numbers, as in the
 * kernel.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { Attributes } from "./attributes.ts";
import { errnoName, type Native } from "./native.ts";

/** Commands (enum bpf_cmd). */
// deno-fmt-ignore
export const COMMAND = {
  mapCreate: 0, mapLookup: 1, mapUpdate: 2, mapDelete: 3, mapNextKey: 4, programLoad: 5, testRun: 10, objectInfo: 15,
  btfLoad: 18, btfById: 19, mapLookupAndDelete: 21, mapFreeze: 22, btfNextId: 23, mapLookupBatch: 24,
} as const;

/** Number of the system call by machine. */
const NUMBER: { readonly [arch: string]: bigint } = { x86_64: 321n, aarch64: 280n };

const EAGAIN = 11;

/** The system call. */
export class SystemCall {
  readonly #native: Native;
  readonly #number: bigint;

  /**
   * Finds the system call.
   *
   * @param native The C library.
   * @throws {EpassError} If this machine's number of the call is not known.
   */
  constructor(native: Native) {
    const number = NUMBER[Deno.build.arch];
    if (number === undefined) {
      throw new EpassError(`cannot use the kernel: bpf(2) on ${Deno.build.arch} is not known`);
    }
    this.#native = native;
    this.#number = number;
  }

  /**
   * Makes attributes of zeros.
   *
   * @param size Their size in bytes.
   * @returns The attributes.
   */
  attributes(size: number): Attributes {
    return new Attributes(this.#native, size);
  }

  /**
   * Calls the kernel.
   *
   * @param command A number of {@link COMMAND}.
   * @param attributes What the command takes; the kernel may write into them.
   * @param attempts How often to try while the kernel says EAGAIN.
   * @returns What the kernel returns, or a negative error number.
   */
  call(command: number, attributes: Attributes, attempts = 1): number {
    const { bytes } = attributes;
    const size = BigInt(bytes.length);
    let status = -EAGAIN;
    for (let i = 0; i < attempts && status === -EAGAIN; i++) {
      const result = this.#native.libc.syscall(this.#number, BigInt(command), bytes, size);
      status = result < 0n ? -this.#native.errno : Number(result);
    }
    attributes.release();
    return status;
  }

  /**
   * Asks what the kernel knows of an object.
   *
   * @param fd File descriptor of a map, program or BTF.
   * @param info The struct to fill in.
   * @returns The same.
   * @throws {EpassError} If the kernel refuses.
   */
  info(fd: number, info: Attributes): Attributes {
    const { bytes } = info;
    const status = this.call(
      COMMAND.objectInfo,
      this.attributes(16).u32(0, fd).u32(4, bytes.length).pointer(8, bytes),
    );
    info.release();
    if (status < 0) {
      throw new EpassError(`cannot ask about an object: the kernel says ${errnoName(-status)}`);
    }
    return info;
  }

  /**
   * Closes a file descriptor.
   *
   * @param fd The file descriptor.
   */
  close(fd: number): void {
    this.#native.libc.close(fd);
  }
}
