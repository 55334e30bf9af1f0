/**
 * What a program finds around it: memory, maps, clocks, random numbers, the current task and CPU, the packet; and what it
 * leaves behind. Everything is decided by the caller or by a seed, so that a run can be repeated.
 *
 * @module
 */

import type { Btf } from "../object/btf.ts";
import { STATE } from "../runtime/state_code.ts";
import { Clock, type ClockOptions } from "./clock.ts";
import type { RunContext } from "./contexts/context.ts";
import type { PacketBuffer } from "./contexts/packet.ts";
import { PointeeMemory } from "./contexts/pointers.ts";
import { HostState } from "./host_state.ts";
import type { KernelObjects } from "./kernel_objects.ts";
import type { MapTable } from "./maps/table.ts";
import type { GuestMemory } from "./memory.ts";
import { ObjectHeap } from "./object_heap.ts";
import type { Providers } from "./providers.ts";
import { RandomSource } from "./random.ts";
import { type RecordLimits, Records } from "./records.ts";
import { SocketTable } from "./sockets.ts";

/** The task that a program finds itself in. */
export interface TaskIdentity {
  /** Thread id. */
  readonly pid: number;
  /** Process id. */
  readonly tgid: number;
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** Name; its first 15 bytes count. */
  readonly comm: string;
  /** Ids of the cgroup and its ancestors, the root first. */
  readonly cgroups: readonly bigint[];
  /** Ids of the thread and the process in a PID namespace of their own, and the namespace: device and inode. */
  readonly namespace: {
    readonly device: bigint;
    readonly inode: bigint;
    readonly pid: number;
    readonly tgid: number;
  };
}

/** The task unless the caller says otherwise. */
export const DEFAULT_TASK: TaskIdentity = {
  pid: 1000,
  tgid: 1000,
  uid: 0,
  gid: 0,
  comm: "epass",
  cgroups: [1n],
  namespace: { device: 4n, inode: 0xeffffffcn, pid: 1000, tgid: 1000 },
};

/** Facts about one run of a program, set before it starts. */
export interface RunFacts {
  /** Arguments of the traced function (`bpf_get_func_arg`). */
  args: readonly bigint[];
  /** What the traced function returned (`bpf_get_func_ret`); null before it has returned. */
  returned: bigint | null;
  /** Address of the traced function (`bpf_get_func_ip`). */
  functionAddress: bigint;
  /** The cookie that the program was attached with. */
  cookie: bigint;
  /** Tail calls made so far. */
  tailCalls: number;
}

/** Options of {@link Environment}. */
export interface EnvironmentOptions {
  /** Seed of the random numbers; by default 1. */
  readonly seed?: number | undefined;
  /** Clocks. */
  readonly clock?: ClockOptions | undefined;
  /** The current task; what is missing is as in {@link DEFAULT_TASK}. */
  readonly task?: Partial<TaskIdentity> | undefined;
  /** The CPU that programs run on; by default 0. */
  readonly cpu?: number | undefined;
  /** What the caller provides. */
  readonly providers?: Providers | undefined;
  /** Values of `CONFIG_*` and of `LINUX_KERNEL_VERSION`, by name. */
  readonly kconfig?: Readonly<Record<string, bigint | string>> | undefined;
  /**
   * Whether `bpf_perf_event_output` succeeds although nobody put an event into the map, as if each CPU had one; true by
   * default. The kernel then fails with ENOENT.
   */
  readonly openEvents?: boolean | undefined;
  /** Limits of the logs. */
  readonly records?: RecordLimits | undefined;
}

/** Two ids as the kernel packs them. */
function idPair(high: number, low: number): bigint {
  return BigInt(high >>> 0) << 32n | BigInt(low >>> 0);
}

/** What a program finds around it. */
export class Environment {
  /** Guest memory. */
  readonly memory: GuestMemory;
  /** The maps. */
  readonly maps: MapTable;
  /** Objects that programs allocate. */
  readonly heap: ObjectHeap;
  /** The program's own types; null without BTF. */
  types: Btf | null = null;
  /** Structures of the kernel; null if its types are not known. */
  kernel: KernelObjects | null = null;
  /** The clocks. */
  readonly clock: Clock;
  /** The random numbers. */
  readonly random: RandomSource;
  /** What the hottest helpers read. */
  readonly state: HostState;
  #task: TaskIdentity = DEFAULT_TASK;
  #cpu = 0;
  /** What the caller provides. */
  readonly providers: Providers;
  /** What programs left behind. */
  readonly records: Records;
  /** The packet of the run; null for programs that have none. */
  packet: PacketBuffer | null = null;
  /** The context of the run; null if it is nothing but bytes. */
  context: RunContext | null = null;
  /** The sockets that programs of the run see. */
  readonly sockets: SocketTable;
  /** What the arguments of the run lead to. */
  readonly pointees: PointeeMemory;
  /** Whether perf events go out although the map has none at the index. */
  readonly openEvents: boolean;
  /** Facts about the run. */
  readonly run: RunFacts = {
    args: [],
    returned: null,
    functionAddress: 0n,
    cookie: 0n,
    tailCalls: 0,
  };

  /**
   * Makes an environment.
   *
   * @param memory Guest memory.
   * @param maps The maps; their table knows the number of CPUs.
   * @param options Seed, clocks, task and what the caller provides.
   */
  constructor(memory: GuestMemory, maps: MapTable, options: EnvironmentOptions = {}) {
    this.memory = memory;
    this.maps = maps;
    this.heap = new ObjectHeap(memory);
    this.state = new HostState(memory);
    this.clock = new Clock(this.state, options.clock);
    this.random = new RandomSource(this.state, options.seed ?? 1);
    this.task = { ...DEFAULT_TASK, ...options.task };
    this.cpu = options.cpu ?? 0;
    this.providers = options.providers ?? {};
    this.openEvents = options.openEvents ?? true;
    this.records = new Records(options.records);
    this.sockets = new SocketTable(memory);
    this.pointees = new PointeeMemory(this);
  }

  /** The current task. */
  get task(): TaskIdentity {
    return this.#task;
  }

  set task(task: TaskIdentity) {
    this.#task = task;
    this.state.setNumber(STATE.pidTgid, idPair(task.tgid, task.pid));
    this.state.setNumber(STATE.uidGid, idPair(task.gid, task.uid));
  }

  /** The CPU that the program runs on; a number beyond the CPUs that there are becomes that of the last. */
  get cpu(): number {
    return this.#cpu;
  }

  set cpu(cpu: number) {
    this.#cpu = Math.min(Math.max(cpu, 0), this.maps.cpus - 1);
  }

  /**
   * Sets the facts about a run.
   *
   * @param facts What differs from a run without arguments and cookie.
   */
  begin(facts: Partial<RunFacts> = {}): void {
    Object.assign(this.run, {
      args: [],
      returned: null,
      functionAddress: 0n,
      cookie: 0n,
      tailCalls: 0,
      ...facts,
    });
  }
}
