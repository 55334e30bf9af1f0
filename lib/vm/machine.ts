/**
 * The state of a running program and what the dispatch loop leaves to calls: frames, helpers, faults.
 *
 * @module
 */

import { type Code, CODE_BASE, placeOf, REGISTER_WORDS, STRIDE } from "./code.ts";
import { type Fault, type FaultKind, GuestFault } from "./fault.ts";
import { readPair, type RegisterFile, writePair } from "./register_file.ts";
import { NO_PACKET, type PacketLoad } from "./packet_load.ts";
import { GUEST_BASE, type GuestMemory, type Region } from "./memory.ts";

/** Frames of a program: the main function and seven levels of calls (Linux: MAX_CALL_FRAMES). */
const FRAMES = 8;
/** Bytes of a frame. */
const FRAME_SIZE = 512;
/** Times that a frame may pass `may_goto` (Linux: BPF_MAX_LOOPS). */
const MAY_GOTO_BUDGET = 0x80_0000;
/** Words saved per frame: return word, r6 to r9 in pairs, what is left of the `may_goto` budget. */
const FRAME_WORDS = 10;
/** Return word of a frame that was entered by the host. */
const TO_HOST = -1;
/** Instructions between two entries of the dispatch loop: code that is entered anew is optimised best. */
const SLICE = 0x1_0000;

/** Runs until the slice is used up (false), or the host's frame returns or a fault (true). */
export type Proceed = (machine: Machine) => boolean;

/** What a helper sees of the machine. */
export interface HelperContext {
  /** Guest memory. */
  readonly memory: GuestMemory;
  /**
   * Calls a function of the program: a callback.
   *
   * @param functionAddress Its address, as an `lddw` gave it to the program.
   * @param args r1 to r5; missing ones are 0.
   * @returns r0.
   * @throws {GuestFault} If it faults; let it pass.
   */
  call(functionAddress: bigint, args: readonly bigint[]): bigint;
  /**
   * Continues in another function instead of after the call, in the frame of the caller, which is cleared: a tail call.
   *
   * @param functionAddress Its address.
   * @param args r1 to r5; missing ones are 0.
   */
  tailCall(functionAddress: bigint, args: readonly bigint[]): void;
}

/**
 * A helper or kfunc: a function outside the program.
 *
 * @returns r0; its low 64 bits count.
 * @throws {GuestFault} To stop the program.
 */
export type Helper = (
  context: HelperContext,
  r1: bigint,
  r2: bigint,
  r3: bigint,
  r4: bigint,
  r5: bigint,
) => bigint;

/** Helpers by id. */
export type HelperTable = Map<number, Helper>;
/** Kfuncs by name. */
export type KfuncTable = Map<string, Helper>;

/** A register as an unsigned pattern; small numbers, the common case, take the short way. */
function argument(r: RegisterFile, index: number): bigint {
  const at = 2 * index;
  return r[at + 1] === 0 ? BigInt(r[at] >>> 0) : readPair(r, at);
}

/** Registers, frames and counters of one program. */
export class Machine implements HelperContext {
  /** The program. */
  readonly code: Code;
  /** Its memory. */
  readonly memory: GuestMemory;
  /** r0 to r10, then the constants of the program. */
  readonly registers: RegisterFile;
  /** The words of the code. */
  readonly words: Int32Array<ArrayBuffer>;
  /** Helpers by id. */
  readonly helpers: HelperTable;
  /** Kfuncs by name. */
  readonly kfuncs: KfuncTable;
  /** What the legacy packet loads read. */
  packet: PacketLoad = NO_PACKET;
  /** Word index of the next instruction. */
  pc = 0;
  /** Instructions left in the slice. */
  left = 0;
  /** Instructions left after the slice. */
  remaining = 0;
  /** When to stop, as `performance.now()` tells the time, in milliseconds. */
  deadline: number = Infinity;
  /** Frames in use. */
  depth = 0;
  /** The fault that stopped the program. */
  fault: Fault | null = null;
  readonly #proceed: Proceed;
  readonly #saved = new Int32Array(FRAMES * FRAME_WORDS);
  readonly #frames: Region[] = [];
  #tail: { readonly word: number; readonly args: readonly bigint[] } | null = null;

  /**
   * Allocates the frames.
   *
   * @param code The program.
   * @param memory Its memory; the frames are allocated there.
   * @param helpers Helpers by id.
   * @param kfuncs Kfuncs by name.
   * @param proceed Runs the machine.
   */
  constructor(
    code: Code,
    memory: GuestMemory,
    helpers: HelperTable,
    kfuncs: KfuncTable,
    proceed: Proceed,
  ) {
    this.code = code;
    this.memory = memory;
    this.registers = code.registers.slice();
    this.words = code.words;
    this.helpers = helpers;
    this.kfuncs = kfuncs;
    this.#proceed = proceed;
    for (let i = 0; i < FRAMES; i++) {
      const frame = memory.allocate(`the stack of frame ${i}`, FRAME_SIZE);
      memory.unmap(frame);
      this.#frames.push(frame);
    }
  }

  /** Addresses of the lowest bytes of the frames. */
  get frames(): readonly number[] {
    return this.#frames.map(({ address }) => address);
  }

  /**
   * Lets another engine's program access its first frames, and not the others.
   *
   * @param depth How many.
   */
  openFrames(depth: number): void {
    if (this.memory.level === "sandbox") return;
    this.#frames.forEach((frame, i) =>
      i < depth ? this.memory.map(frame) : this.memory.unmap(frame)
    );
  }

  /**
   * Forgets what ran before and enters a function.
   *
   * @param word Word index of its first instruction.
   * @param args r1 to r5; missing ones are 0.
   * @param limit The most instructions to run.
   */
  start(word: number, args: readonly bigint[], limit: number): void {
    this.openFrames(0);
    this.depth = 0;
    this.registers.fill(0, 0, REGISTER_WORDS);
    this.fault = null;
    this.#tail = null;
    this.left = 0;
    this.remaining = limit;
    this.#setArguments(args);
    this.enter(word, TO_HOST);
  }

  #setArguments(args: readonly bigint[]): void {
    for (let i = 0; i < 5; i++) writePair(this.registers, 2 + 2 * i, args[i] ?? 0n);
  }

  /**
   * Enters a function: a frame of zeros, r6 to r9 saved, all registers but the arguments 0.
   *
   * @param word Word index of its first instruction.
   * @param returnWord Word index to continue at when it returns.
   * @returns False after a fault.
   */
  enter(word: number, returnWord: number): boolean {
    if (this.depth === FRAMES) {
      return this.stop("call-depth", `cannot call: all ${FRAMES} frames are in use`);
    }
    const { registers, memory } = this;
    const at = this.depth * FRAME_WORDS;
    this.#saved[at] = returnWord;
    for (let i = 0; i < 8; i++) this.#saved[at + 1 + i] = registers[12 + i];
    this.#saved[at + 9] = MAY_GOTO_BUDGET;
    const frame = this.#frames[this.depth++];
    memory.map(frame);
    this.#clear(frame);
    registers[20] = frame.address + FRAME_SIZE;
    registers[21] = 0;
    this.pc = word;
    return true;
  }

  /** Enters a function in the frame of the current one: a tail call. */
  #continueIn({ word, args }: { readonly word: number; readonly args: readonly bigint[] }): void {
    const frame = this.#frames[this.depth - 1];
    this.#tail = null;
    this.pc = word;
    this.#clear(frame);
    this.#saved[(this.depth - 1) * FRAME_WORDS + 9] = MAY_GOTO_BUDGET;
    this.#setArguments(args);
  }

  /** A frame of zeros; r0 and r6 to r9 are 0. */
  #clear(frame: Region): void {
    const { registers, memory } = this;
    const offset = frame.address - GUEST_BASE;
    memory.bytes.fill(0, offset, offset + FRAME_SIZE);
    registers[0] = registers[1] = 0;
    for (let i = 12; i < 20; i++) registers[i] = 0;
  }

  /**
   * Leaves a function.
   *
   * @returns False if the host entered it.
   */
  leave(): boolean {
    const { registers } = this;
    this.memory.unmap(this.#frames[--this.depth]);
    const at = this.depth * FRAME_WORDS;
    for (let i = 0; i < 8; i++) registers[12 + i] = this.#saved[at + 1 + i];
    if (this.depth > 0) registers[20] = this.#frames[this.depth - 1].address + FRAME_SIZE;
    for (let i = 2; i < 12; i++) registers[i] = 0;
    const word = this.#saved[at];
    if (word === TO_HOST) return false;
    this.pc = word;
    return true;
  }

  /**
   * Spends one `may_goto` of the frame.
   *
   * @returns True if none is left.
   */
  mayGoto(): boolean {
    const at = (this.depth - 1) * FRAME_WORDS + 9;
    if (this.#saved[at] === 0) return true;
    this.#saved[at]--;
    return false;
  }

  /**
   * Takes over what the dispatch loop keeps in local variables.
   *
   * @param pc Word index of the next instruction.
   * @param left Instructions left in the slice.
   */
  save(pc: number, left: number): void {
    this.pc = pc;
    this.left = left;
  }

  /**
   * Runs until the frame that the host entered returns, or a fault.
   *
   * @returns False after a fault.
   */
  run(): boolean {
    for (;;) {
      if (this.left === 0) {
        if (this.remaining === 0) {
          return this.stop("limit", "cannot continue: the instruction limit is reached", 0);
        }
        if (this.deadline !== Infinity && performance.now() >= this.deadline) {
          return this.stop("limit", "cannot continue: the time limit is reached", 0);
        }
        this.left = Math.min(this.remaining, SLICE);
        this.remaining -= this.left;
      }
      if (this.#proceed(this)) return this.fault === null;
    }
  }

  /**
   * Calls a helper or kfunc; pc is behind the call.
   *
   * @param helper Its body, undefined if there is none.
   * @param name Its name, for messages.
   * @returns False after a fault.
   */
  callHelper(helper: Helper | undefined, name: string): boolean {
    const { registers: r } = this;
    if (helper === undefined) {
      return this.stop("unknown-helper", `cannot call ${name}: not registered`);
    }
    const { pc } = this;
    let result: bigint;
    try {
      result = helper(
        this,
        argument(r, 1),
        argument(r, 2),
        argument(r, 3),
        argument(r, 4),
        argument(r, 5),
      );
    } catch (error) {
      if (error instanceof GuestFault) {
        return this.fault === null && this.stop(error.kind, error.message);
      }
      throw error;
    }
    this.pc = pc;
    writePair(r, 0, result);
    for (let i = 2; i < 12; i++) r[i] = 0;
    if (this.#tail !== null) this.#continueIn(this.#tail);
    return true;
  }

  /**
   * Calls what a register holds: a function address or a helper id.
   *
   * @param at Index of the register in the register file.
   * @returns False after a fault.
   */
  callIndirect(at: number): boolean {
    const value = readPair(this.registers, at);
    const word = this.#functionWord(value);
    if (word >= 0) return this.enter(word, this.pc);
    const id = value < BigInt(GUEST_BASE) ? Number(value) : -1;
    if (id >= 0) return this.callHelper(this.helpers.get(id), `helper ${id}`);
    return this.stop("bad-call-target", `cannot call 0x${value.toString(16)}: not a function`);
  }

  /** Word index of the function at an address, -1 if there is none. */
  #functionWord(address: bigint): number {
    const distance = Number(BigInt.asUintN(64, address)) - CODE_BASE;
    const slot = distance / 8;
    return this.code.callable[slot] === 1 ? slot * STRIDE : -1;
  }

  #checkedFunctionWord(address: bigint): number {
    const word = this.#functionWord(address);
    if (word >= 0) return word;
    const hex = BigInt.asUintN(64, address).toString(16);
    throw new GuestFault("bad-call-target", `cannot call 0x${hex}: not a function`);
  }

  call(functionAddress: bigint, args: readonly bigint[]): bigint {
    const { registers: r, left, pc } = this;
    const word = this.#checkedFunctionWord(functionAddress);
    this.remaining += left;
    this.left = 0;
    this.#setArguments(args);
    if (!this.enter(word, TO_HOST) || !this.run()) {
      throw new GuestFault(this.fault!.kind, this.fault!.message);
    }
    const share = Math.min(left, this.left + this.remaining);
    this.remaining += this.left - share;
    this.left = share;
    this.pc = pc;
    return readPair(r, 0);
  }

  tailCall(functionAddress: bigint, args: readonly bigint[]): void {
    this.#tail = { word: this.#checkedFunctionWord(functionAddress), args };
  }

  /**
   * Loads from the packet into r0, in network order.
   *
   * @param offset Offset in bytes from the start of the packet.
   * @param size Bytes to load.
   * @returns False if they are not all in the packet.
   */
  loadPacket(offset: number, size: number): boolean {
    const { registers } = this;
    registers.fill(0, 0, 12);
    const value = this.packet(offset, size);
    if (value < 0) return false;
    registers[0] = value;
    return true;
  }

  /**
   * Stops the program at a trap.
   *
   * @param index Index of the trap in the code.
   * @returns False.
   */
  trap(index: number): false {
    const { kind, message, slot } = this.code.traps[index];
    this.pc = (slot + 1) * STRIDE;
    return this.stop(kind, message);
  }

  /**
   * Finds the place of the access of the instruction before pc, or stops the program there.
   *
   * @param base Index in the register file of the address.
   * @param displacement Displacement in bytes, biased by the base of guest memory.
   * @param size Bytes accessed.
   * @param write Whether it stores.
   * @returns The offset in the bytes of guest memory, or -1 after a fault.
   */
  place(base: number, displacement: number, size: number, write: boolean): number {
    try {
      const address = readPair(this.registers, base);
      return this.memory.place(address, displacement + GUEST_BASE, size, write);
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      this.stop(error.kind, error.message);
      return -1;
    }
  }

  /**
   * Stops the program.
   *
   * @param kind Why.
   * @param message What failed, a colon, then the state.
   * @param back Words from the instruction at fault to pc; that instruction does not count, 0 for none.
   * @returns False.
   */
  stop(kind: FaultKind, message: string, back: number = STRIDE): false {
    this.pc -= back;
    if (back !== 0) this.left++;
    const registers: bigint[] = [];
    for (let i = 0; i <= 10; i++) registers.push(readPair(this.registers, 2 * i));
    this.fault = { kind, ...placeOf(this.code, this.pc / STRIDE), message, registers };
    return false;
  }
}
