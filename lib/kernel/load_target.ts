/**
 * What the own loader loads a program as: its type, what it attaches to and how, by the section, the command line and the
 * file that describes a stream.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { MapFile } from "../object/map_file.ts";
import { sectionType } from "../object/section_names.ts";
import { ATTACH_TYPES, numberOf, PROGRAM_TYPES } from "./program_types.ts";
import type { RunningKernel } from "./running_kernel.ts";

/** What the user says of a program that its input may not say. */
export interface TargetOptions {
  /** Program type, such as `xdp`; by default what the section says, or the first that the kernel accepts. */
  readonly type?: string | undefined;
  /** Attach type, such as `cgroup_inet4_connect`; by default what the section says. */
  readonly attachType?: string | undefined;
  /** What it attaches to: the name of a tracepoint or function of the kernel; by default what the section says. */
  readonly attach?: string | undefined;
  /** What a stream does not say of itself. */
  readonly file?: MapFile | null | undefined;
}

/** What to load a program as. */
export interface LoadTarget {
  /** BPF_PROG_TYPE_*. */
  readonly type: number;
  /** BPF_* attach type. */
  readonly attachType: number;
  /** Id of the type in the kernel's BTF that it attaches to; 0 for none. */
  readonly attachBtfId: number;
  /** Id of the types of the module that this one is of; 0 for the kernel's own. */
  readonly attachModule: number;
  /** BPF_F_*. */
  readonly flags: number;
}

/** Types to try in turn for a program whose section tells nothing. */
// deno-fmt-ignore
const LIKELY_TYPES: readonly string[] = [
  "sched_cls", "xdp", "socket_filter", "kprobe", "tracepoint", "raw_tracepoint", "perf_event", "cgroup_skb", "sock_ops",
  "lwt_out",
];

/** Attach types whose programs attach to a type of the kernel's BTF, by the prefix of that type's name. */
const BTF_PREFIXES: { readonly [attachType: string]: readonly ["typedef" | "func", string] } = {
  trace_raw_tp: ["typedef", "btf_trace_"],
  trace_fentry: ["func", ""],
  trace_fexit: ["func", ""],
  modify_return: ["func", ""],
  trace_iter: ["func", "bpf_iter_"],
  lsm_mac: ["func", "bpf_lsm_"],
  lsm_cgroup: ["func", "bpf_lsm_"],
};

/**
 * The types to load a program as, in turn.
 *
 * @param section Name of its section.
 * @param options What the user says.
 * @param known BPF_PROG_TYPE_* that the loader of objects knows it as; 0 for none.
 * @returns BPF_PROG_TYPE_*, most likely first.
 * @throws {EpassError} If the user names a type that there is not.
 */
export function typesToTry(section: string, options: TargetOptions, known: number): number[] {
  const named = options.type ?? options.file?.type ?? "";
  if (named !== "") return [numberOf(PROGRAM_TYPES, named, "program type")];
  if (known !== 0) return [known];
  const bySection = sectionType(section).type;
  const names = new Set(bySection === "" ? LIKELY_TYPES : [bySection, ...LIKELY_TYPES]);
  return [...names].map((name) => PROGRAM_TYPES.indexOf(name));
}

/**
 * What to load a program as.
 *
 * @param kernel The kernel, for what it attaches to.
 * @param section Name of its section.
 * @param options What the user says.
 * @param type BPF_PROG_TYPE_*.
 * @returns All that the kernel is told.
 * @throws {EpassError} If the kernel does not have what it attaches to.
 */
export function loadTarget(
  kernel: RunningKernel,
  section: string,
  options: TargetOptions,
  type: number,
): LoadTarget {
  const guess = sectionType(section);
  // A section of another type says nothing about this one.
  const said = guess.type === PROGRAM_TYPES[type] ? guess : sectionType("");
  const attachType = options.attachType ?? options.file?.attachType ?? said.attachType;
  const attach = options.attach ?? options.file?.attach ?? said.attach;
  const prefix = BTF_PREFIXES[attachType];
  const place = prefix === undefined || attach === ""
    ? { id: 0, module: 0 }
    : attachPlace(kernel, prefix[0], prefix[1] + attach);
  return {
    type,
    attachType: attachType === "" ? 0 : numberOf(ATTACH_TYPES, attachType, "attach type"),
    attachBtfId: place.id,
    attachModule: place.module,
    flags: said.flags,
  };
}

/** Where in the kernel's BTF something is that a program attaches to. */
function attachPlace(
  kernel: RunningKernel,
  kind: "typedef" | "func",
  name: string,
): { readonly id: number; readonly module: number } {
  const found = kernel.find(kind, name);
  if (found === null) {
    throw new EpassError(`cannot attach to ${name}: this kernel has no ${kind} of that name`);
  }
  return found;
}
