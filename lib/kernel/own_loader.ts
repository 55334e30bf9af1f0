/**
 * Programs through epass's own linker and bpf(2): streams, and objects that libbpf refuses.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import { encode } from "../isa/codec.ts";
import { completeTypes } from "../object/complete_types.ts";
import { bindMaps, type Loadable } from "../object/loadable.ts";
import type { MapPlan } from "../object/map_plan.ts";
import type { Program } from "../object/program.ts";
import type { Bpf } from "./bpf.ts";
import type { LogRequest } from "./bpf_programs.ts";
import { programRecords } from "./instruction_records.ts";
import type { LoadedMap } from "./loaded.ts";
import { buffer, errnoName } from "./native.ts";

/** What to load a program as. */
export interface LoadTarget {
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
}

/** What {@link loadLinked} gives. */
export interface OwnLoad {
  /** File descriptor of the program, or a negative error number. */
  readonly status: number;
  /** Its maps, open even if the program was refused. */
  readonly maps: readonly LoadedMap[];
}

/** Puts the first contents into a map, and freezes it if they never change. */
function fill(bpf: Bpf, plan: MapPlan, fd: number): void {
  let status = 0;
  if (plan.contents !== null) {
    const value = buffer(plan.valueSize);
    value.set(plan.contents.subarray(0, plan.valueSize));
    status = bpf.maps.update(fd, buffer(plan.keySize), value);
  }
  if (status === 0 && plan.frozen) status = bpf.maps.freeze(fd);
  if (status === 0) return;
  bpf.close(fd);
  throw new EpassError(`cannot fill map ${plan.name}: the kernel says ${errnoName(-status)}`);
}

/** Creates a map with the one that it is modelled on, if it holds maps. */
function createMap(bpf: Bpf, plan: MapPlan, btfFd: number): number {
  const innerFd = plan.inner === null ? 0 : createMap(bpf, plan.inner, btfFd);
  try {
    const typed = plan.keyType !== 0 || plan.valueType !== 0;
    let fd = bpf.maps.create({ ...plan, innerFd, btfFd: typed ? btfFd : 0 });
    // Most kinds of maps take no types.
    if (fd < 0 && typed) fd = bpf.maps.create({ ...plan, innerFd, btfFd: 0 });
    if (fd < 0) {
      throw new EpassError(`cannot create map ${plan.name}: the kernel says ${errnoName(-fd)}`);
    }
    fill(bpf, plan, fd);
    return fd;
  } finally {
    if (innerFd > 0) bpf.close(innerFd);
  }
}

/**
 * Creates the maps of a program and loads it.
 *
 * @param bpf The system call.
 * @param program The input.
 * @param loadable The program, linked.
 * @param target What to load it as.
 * @param log What the verifier shall tell.
 * @returns The outcome; the caller closes what is open.
 * @throws {EpassError} If a map cannot be created.
 */
export function loadLinked(
  bpf: Bpf,
  program: Program,
  loadable: Loadable,
  target: LoadTarget,
  log: LogRequest,
): OwnLoad {
  const types = program.elf === null ? null : completeTypes(program.elf);
  const btfFd = types === null ? 0 : Math.max(0, bpf.types.load(types));
  const maps: LoadedMap[] = [];
  try {
    for (const plan of loadable.maps) {
      maps.push({ ...plan, fd: createMap(bpf, plan, btfFd) });
    }
    const insns = encode(bindMaps(loadable, maps.map(({ fd }) => fd)));
    const records = btfFd === 0
      ? { functions: null, lines: null }
      : programRecords(program, loadable);
    const status = bpf.programs.load({
      ...target,
      ...records,
      name: loadable.starts.get(0)?.name ?? "",
      insns,
      fds: buffer(0),
      license: loadable.license,
      btfFd: records.functions === null ? 0 : btfFd,
    }, log);
    return { status, maps };
  } catch (error) {
    for (const { fd } of maps) bpf.close(fd);
    throw error;
  } finally {
    if (btfFd > 0) bpf.close(btfFd);
  }
}
