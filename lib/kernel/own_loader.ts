/**
 * Programs through epass's own linker and bpf(2): streams, and objects that libbpf refuses.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { encode } from "../isa/codec.ts";
import { completeTypes } from "../object/complete_types.ts";
import { MAP_TYPE } from "../object/kernel_names.ts";
import { bindHandles, type Loadable } from "../object/loadable.ts";
import type { MapPlan } from "../object/map_plan.ts";
import type { Program } from "../object/program.ts";
import type { Bpf } from "./bpf.ts";
import type { LogRequest } from "./bpf_programs.ts";
import { programRecords } from "./instruction_records.ts";
import type { LoadTarget } from "./load_target.ts";
import type { LoadedMap } from "./loaded.ts";
import { buffer, errnoName, type Native } from "./native.ts";

/** What {@link OwnLoader.load} gives. */
export interface OwnLoad {
  /** File descriptor of the program, or a negative error number. */
  readonly status: number;
  /** Its maps, open even if the program was refused. */
  readonly maps: readonly LoadedMap[];
}

/** Loads programs that are linked. */
export class OwnLoader {
  readonly #native: Native;
  readonly #bpf: Bpf;

  /**
   * Prepares for loads.
   *
   * @param native The C library.
   * @param bpf The system call.
   */
  constructor(native: Native, bpf: Bpf) {
    this.#native = native;
    this.#bpf = bpf;
  }

  /**
   * Creates the maps of a program and loads it.
   *
   * @param program The input.
   * @param loadable The program, linked.
   * @param target What to load it as.
   * @param log What the verifier shall tell.
   * @returns The outcome; the caller closes what is open.
   * @throws {EpassError} If a map cannot be created.
   */
  load(program: Program, loadable: Loadable, target: LoadTarget, log: LogRequest): OwnLoad {
    const bpf = this.#bpf;
    const types = program.elf === null ? null : completeTypes(program.elf);
    const btfFd = types === null ? 0 : Math.max(0, bpf.types.load(types));
    const maps: LoadedMap[] = [];
    const modules: number[] = [];
    try {
      for (const plan of loadable.maps) maps.push({ ...plan, fd: this.#createMap(plan, btfFd) });
      for (const module of loadable.modules) modules.push(this.#openModule(module));
      const attachBtfFd = target.attachModule === 0 ? 0 : this.#openModule(target.attachModule);
      if (attachBtfFd > 0) modules.push(attachBtfFd);
      const insns = encode(bindHandles(loadable, maps.map(({ fd }) => fd), modules));
      const records = btfFd === 0
        ? { functions: null, lines: null }
        : programRecords(program, loadable);
      const { type, attachType, attachBtfId, flags } = target;
      const status = bpf.programs.load({
        type,
        attachType,
        attachBtfId,
        attachBtfFd,
        flags,
        fds: descriptorTable(modules),
        ...records,
        name: loadable.starts.get(0)?.name ?? "",
        insns,
        license: loadable.license,
        btfFd: records.functions === null ? 0 : btfFd,
      }, log);
      return { status, maps };
    } catch (error) {
      for (const { fd } of maps) bpf.close(fd);
      throw error;
    } finally {
      for (const fd of modules) bpf.close(fd);
      if (btfFd > 0) bpf.close(btfFd);
    }
  }

  #openModule(id: number): number {
    const fd = this.#bpf.types.open(id);
    if (fd >= 0) return fd;
    throw new EpassError(`cannot open the types of a module: the kernel says ${errnoName(-fd)}`);
  }

  /** Creates a map with the one that it is modelled on, if it holds maps. */
  #createMap(plan: MapPlan, btfFd: number): number {
    const bpf = this.#bpf;
    const innerFd = plan.inner === null ? 0 : this.#createMap(plan.inner, btfFd);
    try {
      const typed = plan.keyType !== 0 || plan.valueType !== 0;
      let fd = bpf.maps.create({ ...plan, innerFd, btfFd: typed ? btfFd : 0 });
      // Most kinds of maps take no types.
      if (fd < 0 && typed) fd = bpf.maps.create({ ...plan, innerFd, btfFd: 0 });
      if (fd < 0) {
        throw new EpassError(`cannot create map ${plan.name}: the kernel says ${errnoName(-fd)}`);
      }
      const status = plan.type === MAP_TYPE.ARENA
        ? this.#fillArena(plan, fd)
        : this.#fill(plan, fd);
      if (status === 0) return fd;
      bpf.close(fd);
      throw new EpassError(`cannot fill map ${plan.name}: the kernel says ${errnoName(-status)}`);
    } finally {
      if (innerFd > 0) bpf.close(innerFd);
    }
  }

  /** Puts the first contents into a map, and freezes it if they never change; returns 0 or an error number. */
  #fill({ contents, keySize, valueSize, frozen }: MapPlan, fd: number): number {
    const { maps } = this.#bpf;
    let status = 0;
    if (contents !== null) {
      const value = buffer(valueSize);
      value.set(contents.subarray(0, valueSize));
      status = maps.update(fd, buffer(keySize), value);
    }
    return status === 0 && frozen ? maps.freeze(fd) : status;
  }

  /** Gives an arena its address in user space, where it has none, and its first contents. */
  #fillArena({ extra = 0n, maxEntries, contents }: MapPlan, fd: number): number {
    if (extra !== 0n && contents === null) return 0;
    const size = maxEntries * this.#native.libc.getpagesize();
    const first = contents ?? buffer(0);
    return first.length > size ? -E2BIG : this.#native.writeMapped(fd, extra, BigInt(size), first);
  }
}

const E2BIG = 7;

/** What instructions refer to by index; the first is the kernel itself. */
function descriptorTable(fds: readonly number[]): Uint8Array<ArrayBuffer> {
  if (fds.length === 0) return buffer(0);
  const table = buffer(4 * (fds.length + 1));
  const view = new DataView(table.buffer);
  fds.forEach((fd, i) => view.setInt32(4 * (i + 1), fd, true));
  return table;
}
