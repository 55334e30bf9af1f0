/**
 * Type information through bpf(2): loaded for an object, and that of the kernel and its modules.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { buffer, cString, errnoName } from "./native.ts";
import { COMMAND, type SystemCall } from "./system_call.ts";

/** Type information that the kernel holds. */
export interface KernelTypeInfo {
  /** Name of what it describes: `vmlinux` or a module; empty for that of an object. */
  readonly name: string;
  /** Whether it is the kernel's own or that of a module. */
  readonly kernel: boolean;
  /** Its size in bytes. */
  readonly size: number;
}

/** Bytes for the name of a module, which has at most 55. */
const NAME_BYTES = 64;

const ENOENT = 2;

/** What bpf(2) does with type information. */
export class TypeCalls {
  readonly #system: SystemCall;

  /**
   * Wraps the system call.
   *
   * @param system The system call.
   */
  constructor(system: SystemCall) {
    this.#system = system;
  }

  /**
   * Loads type information.
   *
   * @param bytes The contents of `.BTF`.
   * @returns Its file descriptor, or a negative error number.
   */
  load(bytes: Uint8Array<ArrayBuffer>): number {
    return this.#system.call(
      COMMAND.btfLoad,
      this.#system.attributes(28).pointer(0, bytes).u32(16, bytes.length),
    );
  }

  /**
   * Opens type information by its id.
   *
   * @param id The id.
   * @returns Its file descriptor, or a negative error number.
   */
  open(id: number): number {
    return this.#system.call(COMMAND.btfById, this.#system.attributes(12).u32(0, id));
  }

  /**
   * The ids of all type information in the kernel, ascending: the kernel's own has the first.
   *
   * @returns The ids.
   * @throws {EpassError} If the kernel does not tell.
   */
  ids(): number[] {
    const ids: number[] = [];
    for (;;) {
      const attributes = this.#system.attributes(12).u32(0, ids.at(-1) ?? 0);
      const status = this.#system.call(COMMAND.btfNextId, attributes);
      if (status === -ENOENT) return ids;
      if (status < 0) {
        throw new EpassError(`cannot list the kernel's types: it says ${errnoName(-status)}`);
      }
      ids.push(attributes.get(4));
    }
  }

  /**
   * What type information describes.
   *
   * @param fd The type information.
   * @returns What the kernel tells.
   * @throws {EpassError} If the kernel refuses.
   */
  info(fd: number): KernelTypeInfo {
    const name = buffer(NAME_BYTES);
    const info = this.#system.attributes(32).pointer(16, name).u32(24, name.length);
    this.#system.info(fd, info);
    return { name: cString(name), kernel: info.get(28) !== 0, size: info.get(8) };
  }

  /**
   * Reads type information. The files in /sys hold the same, which Deno reads with all permissions only.
   *
   * @param fd The type information.
   * @returns Its bytes.
   * @throws {EpassError} If the kernel refuses.
   */
  read(fd: number): Uint8Array<ArrayBuffer> {
    const types = buffer(this.info(fd).size);
    const info = this.#system.attributes(32).pointer(0, types).u32(8, types.length);
    this.#system.info(fd, info);
    return types;
  }
}
