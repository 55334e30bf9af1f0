/**
 * The running kernel as the judge of programs: it loads them, tells its verdict, runs them on test input, and forgets
 * them. Nothing is attached and nothing is pinned.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { CoreTypes } from "../object/core_types.ts";
import { ELF } from "../object/elf.ts";
import { MAP_TYPE } from "../object/kernel_names.ts";
import { linkLoadable } from "../object/loadable.ts";
import { plannedSizes } from "../object/map_plan.ts";
import { readMaps } from "../object/maps.ts";
import type { Program, ProgramFunction } from "../object/program.ts";
import { Bpf } from "./bpf.ts";
import { Libbpf } from "./libbpf.ts";
import type { LoadedProgram } from "./loaded.ts";
import { buffer, cString, errnoName, Native } from "./native.ts";
import { loadTarget, type TargetOptions, typesToTry } from "./load_target.ts";
import { OwnLoader } from "./own_loader.ts";
import { ATTACH_TYPES, numberOf, PROGRAM_TYPES } from "./program_types.ts";
import { RunningKernel } from "./running_kernel.ts";
import { type Attempt, judge, type Verdict } from "./verdict.ts";

/** How to load a program. */
export interface KernelLoadOptions extends TargetOptions {
  /** Whether to ask for the log of all paths; by default only statistics, and for a refusal the path that fails. */
  readonly log?: boolean | undefined;
}

/** What came of loading a program. */
export interface KernelLoad {
  /** The kernel's verdict. */
  readonly verdict: Verdict;
  /** The program, for the caller to close; null if it was refused. */
  readonly loaded: LoadedProgram | null;
}

/** Verbosity of the verifier's log (BPF_LOG_*). */
const LOG = { path: 1, all: 2, statistics: 4 } as const;

/** Bytes for the log of statistics, and for one of instructions, whose tail the kernel keeps. */
const LOG_BYTES = { statistics: 1 << 16, path: 1 << 25 } as const;

/** What the kernel says where the log has no room for all, if nothing else is known. */
const LOG_CUT = "the kernel says ENOSPC";

/** What libbpf calls the object, in its messages and in the names of its data maps. */
const OBJECT_NAME = "epass";

/** The kernel, open. */
export class Kernel {
  readonly #native: Native;
  readonly #bpf: Bpf;
  #libbpf: Libbpf | null = null;
  readonly #running: RunningKernel;
  readonly #own: OwnLoader;

  /**
   * Opens the kernel.
   *
   * @throws {EpassError} If a library or permission is missing; the message says which, and how to get it.
   */
  constructor() {
    this.#native = new Native();
    try {
      this.#bpf = new Bpf(this.#native);
      this.#running = new RunningKernel(this.#native, this.#bpf);
      this.#own = new OwnLoader(this.#native, this.#bpf);
      this.#probe();
    } catch (error) {
      this.#native.close();
      throw error;
    }
  }

  /** Fails if the kernel does not let this user load anything. */
  #probe(): void {
    const status = this.#bpf.types.load(buffer(24));
    const user = this.#native.libc.geteuid();
    if (errnoName(-status) === "ENOSYS") {
      throw new EpassError("cannot use the kernel: it was built without bpf(2)");
    }
    if (errnoName(-status) === "EPERM") {
      throw new EpassError(
        `cannot use the kernel: bpf(2) is not permitted to user ${user}; run as root, or with the capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN`,
      );
    }
  }

  /** The system call, for test runs and maps of loaded programs. */
  get bpf(): Bpf {
    return this.#bpf;
  }

  /** The C library, for what is asked of the processors. */
  get native(): Native {
    return this.#native;
  }

  /** The kernel's own types, read once. */
  get types(): CoreTypes {
    return this.#running.types;
  }

  /** What programs find in the kernel. */
  get running(): RunningKernel {
    return this.#running;
  }

  /** Closes the libraries; loaded programs must be closed before. */
  close(): void {
    this.#libbpf?.close();
    this.#native.close();
  }

  /**
   * Loads a program.
   *
   * @param program The input.
   * @param fn The function to load, with all that it calls.
   * @param options How to load it.
   * @returns The verdict, and the program if it was accepted.
   * @throws {EpassError} If it cannot be brought before the kernel at all.
   */
  load(program: Program, fn: ProgramFunction, options: KernelLoadOptions = {}): KernelLoad {
    const known = this.#typeBySection(program, fn);
    const attempt = (type: number, level: number): KernelLoad =>
      known === null
        ? this.#loadOwn(program, fn, options, type, level)
        : this.#loadElf(program, fn, options, type, level);
    const types = typesToTry(fn.section.name, options, known ?? 0);
    let first: KernelLoad | null = null;
    for (const type of types) {
      let load = attempt(type, options.log === true ? LOG.all | LOG.statistics : LOG.statistics);
      if (load.loaded !== null) return load;
      if (first !== null) continue;
      if (options.log !== true) {
        const { reason } = load.verdict;
        load = attempt(type, LOG.path | LOG.statistics);
        // A log that is cut gives an error of its own.
        if (load.verdict.reason === LOG_CUT) {
          load = { ...load, verdict: { ...load.verdict, reason } };
        }
      }
      if (load.loaded !== null) return load;
      first = load;
    }
    return first!;
  }

  /**
   * The type that libbpf derives from a program's section, 0 if none; null if libbpf does not take the object, or the
   * function for a program.
   */
  #typeBySection(program: Program, fn: ProgramFunction): number | null {
    if (program.elf === null || program.order === "big") return null;
    // libbpf knows arenas from version 1.5 on.
    const maps = readMaps(program.elf);
    if (maps.some(({ type }) => type === MAP_TYPE.ARENA)) return null;
    this.#libbpf ??= new Libbpf(this.#native);
    let object;
    try {
      object = this.#libbpf.open(program.bytes, OBJECT_NAME);
    } catch (error) {
      if (error instanceof EpassError) return null;
      throw error;
    }
    const found = object.programs().find(({ name }) => name === fn.name);
    object.close();
    return found === undefined ? null : found.type;
  }

  #log(level: number): { level: number; buffer: Uint8Array<ArrayBuffer> } {
    const size = level === LOG.statistics ? LOG_BYTES.statistics : LOG_BYTES.path;
    return { level, buffer: buffer(size) };
  }

  /** Loads through libbpf; where externs of other programs are missing in this kernel, once more without them. */
  #loadElf(
    program: Program,
    fn: ProgramFunction,
    options: KernelLoadOptions,
    type: number,
    level: number,
  ): KernelLoad {
    const load = this.#loadObject(program, program.bytes, fn, options, type, level);
    const { log, reason } = load.verdict;
    if (load.loaded !== null || log !== "" || !/^extern /.test(reason)) return load;
    return this.#loadObject(program, weakenExterns(program), fn, options, type, level);
  }

  #loadObject(
    program: Program,
    bytes: Uint8Array,
    fn: ProgramFunction,
    options: KernelLoadOptions,
    type: number,
    level: number,
  ): KernelLoad {
    const attachType = options.attachType === undefined
      ? null
      : numberOf(ATTACH_TYPES, options.attachType, "attach type");
    const held = readMaps(program.elf!).flatMap(({ values }) => values.map(({ name }) => name));
    const log = this.#log(level);
    const object = this.#libbpf!.open(bytes, OBJECT_NAME);
    let loaded: LoadedProgram | null = null;
    try {
      const target = object.programs().find(({ name }) => name === fn.name)!;
      for (const map of object.maps()) object.resize(map, plannedSizes(map.type, map));
      object.select(target, { type, attachType, log }, new Set(held));
      const { status, reasons } = object.load();
      const about = {
        program: fn.name,
        section: fn.section.name,
        type: PROGRAM_TYPES[type],
        instructions: object.slots(target),
        problem: status < 0 ? reasons || `the kernel says ${errnoName(-status)}` : "",
        log: cString(log.buffer),
      };
      if (status < 0) return { verdict: judge({ ...about, sizes: null }), loaded };
      const fd = object.programFd(target);
      const verdict = judge({ ...about, sizes: this.#bpf.programs.info(fd) });
      const maps = object.maps().map((map) => ({ ...map, fd: object.mapFd(map) }));
      loaded = { fd, maps, close: () => object.close() };
      return { verdict, loaded };
    } finally {
      if (loaded === null) object.close();
    }
  }

  #loadOwn(
    program: Program,
    fn: ProgramFunction,
    options: KernelLoadOptions,
    type: number,
    level: number,
  ): KernelLoad {
    const log = this.#log(level);
    const loadable = linkLoadable(program, fn, options.file ?? null, this.#running);
    const target = loadTarget(this.#running, fn.section.name, options, type);
    const { status, maps } = this.#own.load(program, loadable, target, log);
    const about: Omit<Attempt, "sizes"> = {
      program: fn.name,
      section: fn.section.name,
      type: PROGRAM_TYPES[type],
      instructions: loadable.insns.reduce((n, { op }) => n + (op.kind === "lddw" ? 2 : 1), 0),
      problem: status < 0 ? `the kernel says ${errnoName(-status)}` : "",
      log: cString(log.buffer),
    };
    const close = () => {
      if (status >= 0) this.#bpf.close(status);
      for (const { fd } of maps) this.#bpf.close(fd);
    };
    let loaded: LoadedProgram | null = null;
    try {
      if (status < 0) return { verdict: judge({ ...about, sizes: null }), loaded };
      const verdict = judge({ ...about, sizes: this.#bpf.programs.info(status) });
      loaded = { fd: status, maps, close };
      return { verdict, loaded };
    } finally {
      if (loaded === null) close();
    }
  }
}

/** An object with all its externs weak, so that those missing in this kernel are 0. */
function weakenExterns({ bytes, elf }: Program): Uint8Array {
  const weak = bytes.slice();
  for (const { index, section, name, type } of elf!.symbols) {
    if (section !== ELF.SHN_UNDEF || name === "") continue;
    // st_info of the symbol.
    weak[elf!.symbolSection!.offset + index * ELF.SYM_SIZE + 4] = ELF.STB_WEAK << 4 | type;
  }
  return weak;
}
