/**
 * The system call bpf(2) by what it works on.
 *
 * @module
 */

import { MapCalls } from "./bpf_maps.ts";
import { ProgramCalls } from "./bpf_programs.ts";
import { TypeCalls } from "./bpf_types.ts";
import type { Native } from "./native.ts";
import { SystemCall } from "./system_call.ts";

/** The system call. File descriptors are plain numbers that the caller closes. */
export class Bpf {
  /** Maps. */
  readonly maps: MapCalls;
  /** Programs. */
  readonly programs: ProgramCalls;
  /** Type information. */
  readonly types: TypeCalls;
  readonly #system: SystemCall;

  /**
   * Finds the system call.
   *
   * @param native The C library.
   * @throws {EpassError} If this machine's number of the call is not known.
   */
  constructor(native: Native) {
    this.#system = new SystemCall(native);
    this.maps = new MapCalls(this.#system);
    this.programs = new ProgramCalls(this.#system);
    this.types = new TypeCalls(this.#system);
  }

  /**
   * Closes a file descriptor.
   *
   * @param fd The file descriptor.
   */
  close(fd: number): void {
    this.#system.close(fd);
  }
}
