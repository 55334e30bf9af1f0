/**
 * Programs through bpf(2): loading, what became of them, test runs. File descriptors are plain numbers that the caller
 * closes.
 *
 * @module
 */

import { buffer, cText } from "./native.ts";
import { COMMAND, type SystemCall } from "./system_call.ts";

/** Times that a load is tried while signals interrupt it, as libbpf does. */
const LOAD_ATTEMPTS = 5;

/** Records about instructions that a program is loaded with. */
export interface Records {
  /** The records, encoded. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of each. */
  readonly recordSize: number;
}

/** A program to load. */
export interface NewProgram {
  /** Its name. */
  readonly name: string;
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type. */
  readonly attachType: number;
  /** Id of the type in the kernel's BTF that it attaches to; 0 for none. */
  readonly attachBtfId: number;
  /** File descriptor of the BTF of the module that holds this type; 0 for the kernel's own. */
  readonly attachBtfFd: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** File descriptors that instructions refer to by index, 32 bits each; empty for none. */
  readonly fds: Uint8Array<ArrayBuffer>;
  /** Its instructions, encoded. */
  readonly insns: Uint8Array<ArrayBuffer>;
  /** Its license. */
  readonly license: string;
  /** File descriptor of its BTF; 0 for none. */
  readonly btfFd: number;
  /** func_info. */
  readonly functions: Records | null;
  /** line_info. */
  readonly lines: Records | null;
}

/** The verifier's log: what to write, and where. */
export interface LogRequest {
  /** 1 the path that fails, 2 all paths, 4 statistics only. */
  readonly level: number;
  /** Where the kernel writes it. */
  readonly buffer: Uint8Array<ArrayBuffer>;
}

/** What the kernel tells about a loaded program. */
export interface ProgramInfo {
  /** Bytes of the translated instructions. */
  readonly xlatedBytes: number;
  /** Bytes of machine code. */
  readonly jitedBytes: number;
}

/** What became of a program in the kernel. */
export interface Translation {
  /** The instructions that run, with the ids of maps in place of their addresses. */
  readonly insns: Uint8Array<ArrayBuffer>;
  /** func_info and line_info, with instruction offsets in `insns`. */
  readonly functions: Uint8Array<ArrayBuffer>;
  readonly lines: Uint8Array<ArrayBuffer>;
}

/** A test run. */
export interface TestRunRequest {
  /** Input, such as a packet; null for none. */
  readonly data: Uint8Array<ArrayBuffer> | null;
  /** Context; null for none. */
  readonly context: Uint8Array<ArrayBuffer> | null;
  /** How often to run. */
  readonly repeat: number;
  /** Most bytes of output to take. */
  readonly outputSize: number;
}

/** What a test run gave. */
export interface TestRunResult {
  /** What the program returned. */
  readonly returnValue: number;
  /** The packet after the run. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** The context after the run. */
  readonly context: Uint8Array<ArrayBuffer>;
  /** Time of one run in nanoseconds, the average. */
  readonly duration: number;
}

/** What bpf(2) does with programs. Failures are negative error numbers. */
export class ProgramCalls {
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
   * Loads a program.
   *
   * @param program The program.
   * @param log What the verifier shall tell.
   * @returns Its file descriptor, or a negative error number.
   */
  load(program: NewProgram, log: LogRequest): number {
    const { functions, lines } = program;
    const license = cText(program.license);
    const attributes = this.#system.attributes(144)
      .u32(0, program.type).u32(4, program.insns.length / 8).pointer(8, program.insns)
      .pointer(16, license).u32(24, log.level).u32(28, log.buffer.length).pointer(32, log.buffer)
      .u32(44, program.flags).name(48, program.name).u32(68, program.attachType)
      .u32(108, program.attachBtfId).u32(112, program.attachBtfFd).pointer(120, program.fds);
    if (program.btfFd > 0) attributes.u32(72, program.btfFd);
    if (functions !== null) {
      attributes.u32(76, functions.recordSize).pointer(80, functions.bytes)
        .u32(88, functions.bytes.length / functions.recordSize);
    }
    if (lines !== null) {
      attributes.u32(92, lines.recordSize).pointer(96, lines.bytes)
        .u32(104, lines.bytes.length / lines.recordSize);
    }
    return this.#system.call(COMMAND.programLoad, attributes, LOAD_ATTEMPTS);
  }

  /**
   * Asks for the sizes of a loaded program.
   *
   * @param fd The program.
   * @returns What the kernel tells.
   * @throws {EpassError} If the kernel refuses.
   */
  info(fd: number): ProgramInfo {
    const info = this.#system.info(fd, this.#system.attributes(232));
    return { jitedBytes: info.get(16), xlatedBytes: info.get(20) };
  }

  /**
   * Asks for the instructions of a loaded program as the kernel runs them, and its records.
   *
   * @param fd The program.
   * @returns What the kernel tells.
   * @throws {EpassError} If the kernel refuses.
   */
  translation(fd: number): Translation {
    const sizes = this.#system.info(fd, this.#system.attributes(232));
    const insns = buffer(sizes.get(20));
    const functions = buffer(sizes.get(144) * sizes.get(132));
    const lines = buffer(sizes.get(148) * sizes.get(172));
    const request = this.#system.attributes(232).u32(20, insns.length).pointer(32, insns);
    if (functions.length > 0) {
      request.u32(132, sizes.get(132)).pointer(136, functions).u32(144, sizes.get(144));
    }
    if (lines.length > 0) {
      request.u32(148, sizes.get(148)).pointer(152, lines).u32(172, sizes.get(172));
    }
    this.#system.info(fd, request);
    return { insns, functions, lines };
  }

  /**
   * Runs a program on an input, without attaching it.
   *
   * @param fd The program.
   * @param request The input.
   * @returns What it gave, or a negative error number.
   */
  testRun(fd: number, request: TestRunRequest): TestRunResult | number {
    const { data, context, repeat } = request;
    const dataOut = buffer(data === null ? 0 : request.outputSize);
    // Only programs on packets have a context of their own to give back.
    const contextOut = buffer(data === null ? 0 : context?.length ?? 0);
    const attributes = this.#system.attributes(80)
      .u32(0, fd).u32(8, data?.length ?? 0).u32(12, dataOut.length).pointer(16, data)
      .pointer(24, dataOut).u32(32, repeat).u32(40, context?.length ?? 0).u32(44, contextOut.length)
      .pointer(48, context).pointer(56, contextOut);
    const status = this.#system.call(COMMAND.testRun, attributes);
    if (status < 0) return status;
    return {
      returnValue: attributes.get(4),
      data: dataOut.slice(0, attributes.get(12)),
      context: contextOut.slice(0, attributes.get(44)),
      duration: attributes.get(36),
    };
  }
}
