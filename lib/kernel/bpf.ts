/**
 * The system call bpf(2): maps, BTF, programs, test runs. File descriptors are plain numbers that the caller closes.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { Attributes } from "./attributes.ts";
import { buffer, cText, errnoName, type Native } from "./native.ts";

/** Commands (enum bpf_cmd). */
// deno-fmt-ignore
const COMMAND = {
  mapCreate: 0, mapLookup: 1, mapUpdate: 2, mapDelete: 3, mapNextKey: 4, programLoad: 5, testRun: 10, objectInfo: 15, btfLoad: 18,
  btfById: 19, mapFreeze: 22,
  mapLookupAndDelete: 21, mapLookupBatch: 24,
} as const;

/** Number of the system call by machine. */
const SYSCALL: { readonly [arch: string]: bigint } = { x86_64: 321n, aarch64: 280n };

/** Times that a load is tried while signals interrupt it, as libbpf does. */
const LOAD_ATTEMPTS = 5;

const ENOENT = 2, EAGAIN = 11;

/** Id of the kernel's own BTF: the first that there is. */
const KERNEL_TYPES_ID = 1;

/** A map to create. Sizes are in bytes. */
export interface NewMap {
  /** Its name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity. */
  readonly maxEntries: number;
  /** BPF_F_*. */
  readonly flags: number;
  /** File descriptor of a map like those that it will hold; 0 for none. */
  readonly innerFd: number;
  /** File descriptor of the BTF of its types; 0 for none. */
  readonly btfFd: number;
  /** Id of the key's type. */
  readonly keyType: number;
  /** Id of the value's type. */
  readonly valueType: number;
}

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

/** The system call. Failures are negative error numbers, as in the kernel. */
export class Bpf {
  readonly #native: Native;
  readonly #number: bigint;

  /**
   * Finds the system call.
   *
   * @param native The C library.
   * @throws {EpassError} If this machine's number of the call is not known.
   */
  constructor(native: Native) {
    const number = SYSCALL[Deno.build.arch];
    if (number === undefined) {
      throw new EpassError(`cannot use the kernel: bpf(2) on ${Deno.build.arch} is not known`);
    }
    this.#native = native;
    this.#number = number;
  }

  #call(command: number, attributes: Attributes, attempts = 1): number {
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

  #attributes(size: number): Attributes {
    return new Attributes(this.#native, size);
  }

  /**
   * Closes a file descriptor.
   *
   * @param fd The file descriptor.
   */
  close(fd: number): void {
    this.#native.libc.close(fd);
  }

  /**
   * Creates a map.
   *
   * @param map The map.
   * @returns Its file descriptor, or a negative error number.
   */
  createMap(map: NewMap): number {
    const attributes = this.#attributes(72)
      .u32(0, map.type).u32(4, map.keySize).u32(8, map.valueSize).u32(12, map.maxEntries)
      .u32(16, map.flags).u32(20, map.innerFd).name(28, map.name);
    if (map.btfFd > 0) {
      attributes.u32(48, map.btfFd).u32(52, map.keyType).u32(56, map.valueType);
    }
    return this.#call(COMMAND.mapCreate, attributes);
  }

  /**
   * Writes an element of a map.
   *
   * @param fd The map.
   * @param key The key.
   * @param value The value; those of every processor for maps that have one each.
   * @param flags BPF_ANY and its like.
   * @returns 0, or a negative error number.
   */
  updateMap(
    fd: number,
    key: Uint8Array<ArrayBuffer>,
    value: Uint8Array<ArrayBuffer>,
    flags: number = 0,
  ): number {
    return this.#call(COMMAND.mapUpdate, this.#element(fd, key, value).u64(24, BigInt(flags)));
  }

  #element(
    fd: number,
    key: Uint8Array<ArrayBuffer> | null,
    value: Uint8Array<ArrayBuffer> | null,
  ): Attributes {
    return this.#attributes(32).u32(0, fd).pointer(8, key).pointer(16, value);
  }

  /**
   * Reads an element of a map.
   *
   * @param fd The map.
   * @param key The key; empty for maps without.
   * @param value Where to put the value, those of every processor for maps that have one each.
   * @param take Whether to remove it.
   * @returns 0, or a negative error number.
   */
  lookupMap(
    fd: number,
    key: Uint8Array<ArrayBuffer>,
    value: Uint8Array<ArrayBuffer>,
    take = false,
  ): number {
    const command = take ? COMMAND.mapLookupAndDelete : COMMAND.mapLookup;
    return this.#call(command, this.#element(fd, key, value));
  }

  /**
   * Removes an element of a map.
   *
   * @param fd The map.
   * @param key The key.
   * @returns 0, or a negative error number.
   */
  deleteFromMap(fd: number, key: Uint8Array<ArrayBuffer>): number {
    return this.#call(COMMAND.mapDelete, this.#element(fd, key, null));
  }

  /**
   * Finds the key that follows another.
   *
   * @param fd The map.
   * @param key A key; null for the first.
   * @param next Where to put the key that follows.
   * @returns 0, or a negative error number.
   */
  nextMapKey(
    fd: number,
    key: Uint8Array<ArrayBuffer> | null,
    next: Uint8Array<ArrayBuffer>,
  ): number {
    return this.#call(COMMAND.mapNextKey, this.#element(fd, key, next));
  }

  /**
   * Reads all elements of a map at once.
   *
   * @param fd The map.
   * @param keys Where to put the keys.
   * @param values Where to put the values, those of every processor for maps that have one each.
   * @param maxEntries For how many elements there is room.
   * @returns How many elements there are, or a negative error number.
   */
  lookupAll(
    fd: number,
    keys: Uint8Array<ArrayBuffer>,
    values: Uint8Array<ArrayBuffer>,
    maxEntries: number,
  ): number {
    const position = buffer(Math.max(8, keys.length / maxEntries));
    const attributes = this.#attributes(56).pointer(8, position).pointer(16, keys)
      .pointer(24, values).u32(32, maxEntries).u32(36, fd);
    const status = this.#call(COMMAND.mapLookupBatch, attributes);
    return status === 0 || status === -ENOENT ? attributes.get(32) : status;
  }

  /**
   * Makes a map unchangeable from outside, so that the verifier may read it.
   *
   * @param fd The map.
   * @returns 0, or a negative error number.
   */
  freezeMap(fd: number): number {
    return this.#call(COMMAND.mapFreeze, this.#attributes(4).u32(0, fd));
  }

  /**
   * Loads type information.
   *
   * @param bytes The contents of `.BTF`.
   * @returns Its file descriptor, or a negative error number.
   */
  loadBtf(bytes: Uint8Array<ArrayBuffer>): number {
    return this.#call(
      COMMAND.btfLoad,
      this.#attributes(28).pointer(0, bytes).u32(16, bytes.length),
    );
  }

  /**
   * Reads the kernel's own types. The file in /sys holds the same, which Deno reads with all permissions only.
   *
   * @returns Their BTF.
   * @throws {EpassError} If this kernel has none.
   */
  kernelTypes(): Uint8Array<ArrayBuffer> {
    const fd = this.#call(COMMAND.btfById, this.#attributes(12).u32(0, KERNEL_TYPES_ID));
    if (fd < 0) {
      throw new EpassError(`cannot read the kernel's types: the kernel says ${errnoName(-fd)}`);
    }
    try {
      const sized = this.#info(fd, this.#attributes(32));
      const types = buffer(sized.get(8));
      this.#info(fd, this.#attributes(32).pointer(0, types).u32(8, types.length));
      return types;
    } finally {
      this.close(fd);
    }
  }

  /** Fills in what the kernel tells about an object. */
  #info(fd: number, info: Attributes): Attributes {
    const { bytes } = info;
    const status = this.#call(
      COMMAND.objectInfo,
      this.#attributes(16).u32(0, fd).u32(4, bytes.length).pointer(8, bytes),
    );
    info.release();
    if (status < 0) {
      throw new EpassError(`cannot ask about an object: the kernel says ${errnoName(-status)}`);
    }
    return info;
  }

  /**
   * Loads a program.
   *
   * @param program The program.
   * @param log What the verifier shall tell.
   * @returns Its file descriptor, or a negative error number.
   */
  loadProgram(program: NewProgram, log: LogRequest): number {
    const { functions, lines } = program;
    const license = cText(program.license);
    const attributes = this.#attributes(144)
      .u32(0, program.type).u32(4, program.insns.length / 8).pointer(8, program.insns)
      .pointer(16, license).u32(24, log.level).u32(28, log.buffer.length).pointer(32, log.buffer)
      .name(48, program.name).u32(68, program.attachType).u32(108, program.attachBtfId);
    if (program.btfFd > 0) attributes.u32(72, program.btfFd);
    if (functions !== null) {
      attributes.u32(76, functions.recordSize).pointer(80, functions.bytes)
        .u32(88, functions.bytes.length / functions.recordSize);
    }
    if (lines !== null) {
      attributes.u32(92, lines.recordSize).pointer(96, lines.bytes)
        .u32(104, lines.bytes.length / lines.recordSize);
    }
    return this.#call(COMMAND.programLoad, attributes, LOAD_ATTEMPTS);
  }

  /**
   * Asks for the sizes of a loaded program.
   *
   * @param fd The program.
   * @returns What the kernel tells.
   * @throws {EpassError} If the kernel refuses.
   */
  programInfo(fd: number): ProgramInfo {
    const info = this.#info(fd, this.#attributes(232));
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
    const sizes = this.#info(fd, this.#attributes(232));
    const insns = buffer(sizes.get(20));
    const functions = buffer(sizes.get(144) * sizes.get(132));
    const lines = buffer(sizes.get(148) * sizes.get(172));
    const request = this.#attributes(232).u32(20, insns.length).pointer(32, insns);
    if (functions.length > 0) {
      request.u32(132, sizes.get(132)).pointer(136, functions).u32(144, sizes.get(144));
    }
    if (lines.length > 0) {
      request.u32(148, sizes.get(148)).pointer(152, lines).u32(172, sizes.get(172));
    }
    this.#info(fd, request);
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
    const attributes = this.#attributes(80)
      .u32(0, fd).u32(8, data?.length ?? 0).u32(12, dataOut.length).pointer(16, data)
      .pointer(24, dataOut).u32(32, repeat).u32(40, context?.length ?? 0).u32(44, contextOut.length)
      .pointer(48, context).pointer(56, contextOut);
    const status = this.#call(COMMAND.testRun, attributes);
    if (status < 0) return status;
    return {
      returnValue: attributes.get(4),
      data: dataOut.slice(0, attributes.get(12)),
      context: contextOut.slice(0, attributes.get(44)),
      duration: attributes.get(36),
    };
  }
}
