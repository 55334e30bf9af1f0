/**
 * The reference interpreter.
 *
 * Semantics: RFC 9669 and the instruction table. What the standard leaves open is fixed so that every run and every
 * engine agrees: frames start as zeros, registers that were not set read as 0, and r1 to r5 read as 0 after a call.
 * Casts between address spaces keep the low 32 bits. A legacy packet load outside the packet returns 0 from its function.
 *
 * @module
 */

import { type Code, STRIDE } from "./code.ts";
import type { Fault } from "./fault.ts";
import { readPair } from "./register_file.ts";
import { type HelperTable, type KfuncTable, Machine } from "./machine.ts";
import type { GuestMemory } from "./memory.ts";
import { NO_PACKET, type PacketLoad } from "./packet_load.ts";
import { proceed } from "./slow_path.ts";

/** How a run ended. */
export interface Outcome {
  /** r0 as an unsigned 64-bit pattern; 0 after a fault. */
  readonly returnValue: bigint;
  /**
   * Instructions completed; an `lddw` counts as one. The WebAssembly engine counts at back edges and calls only, so fewer,
   * unless its metering is `exact`.
   */
  readonly instructionCount: number;
  /** Why the program was stopped, or null if it returned. */
  readonly fault: Fault | null;
}

/** Runs a program, at once or step by step. */
export class Interpreter {
  readonly #machine: Machine;
  #limit = 0;
  #finished = true;

  /**
   * Allocates the stack and the register file.
   *
   * @param code The program.
   * @param memory Its memory; the stack is allocated there.
   * @param helpers Helpers by id; entries may be added later.
   * @param kfuncs Kfuncs by name; entries may be added later.
   */
  constructor(code: Code, memory: GuestMemory, helpers: HelperTable, kfuncs: KfuncTable) {
    this.#machine = new Machine(code, memory, helpers, kfuncs, proceed);
  }

  /**
   * Gets ready to run a function.
   *
   * @param index Its index in the program.
   * @param args r1 to r5; missing ones are 0.
   * @param limit The most instructions to run.
   * @param packet What the legacy packet loads read.
   * @param deadline When to stop, as `performance.now()` tells the time, in milliseconds; by default never.
   */
  start(
    index: number,
    args: readonly bigint[],
    limit: number,
    packet?: PacketLoad,
    deadline: number = Infinity,
  ): void {
    const machine = this.#machine;
    machine.deadline = deadline;
    machine.packet = packet ?? NO_PACKET;
    machine.start(machine.code.entries[index] * STRIDE, args, limit);
    this.#limit = limit;
    this.#finished = false;
  }

  /**
   * Runs to the end.
   *
   * @returns How it ended.
   */
  run(): Outcome {
    if (!this.#finished) this.#machine.run();
    this.#finished = true;
    return this.outcome;
  }

  /**
   * Runs one instruction; a helper and its callbacks count as one step.
   *
   * @returns Whether the program goes on.
   */
  step(): boolean {
    const machine = this.#machine;
    if (this.#finished) return false;
    if (machine.remaining === 0) {
      machine.run();
      this.#finished = true;
    } else {
      machine.remaining--;
      machine.left = 1;
      this.#finished = proceed(machine);
      machine.remaining += machine.left;
      machine.left = 0;
    }
    return !this.#finished;
  }

  /** How the run ended, or stands between steps. */
  get outcome(): Outcome {
    const { fault, registers, left, remaining } = this.#machine;
    return {
      returnValue: fault === null ? readPair(registers, 0) : 0n,
      instructionCount: this.#limit - remaining - left,
      fault,
    };
  }

  /** Addresses of the lowest bytes of the frames, the first one first. */
  get frames(): readonly number[] {
    return this.#machine.frames;
  }

  /**
   * Lets a program access its first frames, and not the others.
   *
   * @param depth How many.
   */
  openFrames(depth: number): void {
    this.#machine.openFrames(depth);
  }

  /** Slot of the next instruction in the whole code. */
  get pc(): number {
    return this.#machine.pc / STRIDE;
  }

  /** Frames in use. */
  get depth(): number {
    return this.#machine.depth;
  }

  /**
   * Reads a register.
   *
   * @param index 0 to 10.
   * @returns Its unsigned 64-bit pattern.
   */
  register(index: number): bigint {
    return readPair(this.#machine.registers, 2 * index);
  }
}
