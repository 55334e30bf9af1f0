/**
 * The WebAssembly engine: functions are compiled when they are first run, with all that they call. What cannot be
 * compiled runs on the interpreter, which shares memory, maps and helpers.
 *
 * Instructions are counted exactly, or cheaply: at the back edges of loops, by what every turn runs at least, and at
 * calls. Frames lie where the interpreter has them.
 *
 * @module
 */

import {
  FRAME_STRIDE,
  HELPER,
  type HelperImport,
  type HostFunction,
} from "../targets/wasm/host.ts";
import { type Site, uncounted } from "../targets/wasm/site.ts";
import type { WasmModule } from "../targets/wasm/target.ts";
import { type Code, CODE_BASE } from "./code.ts";
import { type Engine, interpreterEngine, type RunLimits } from "./engine.ts";
import { type Fault, type FaultKind, GuestFault } from "./fault.ts";
import type { Interpreter, Outcome } from "./interpreter.ts";
import type { Helper, HelperContext, HelperTable, KfuncTable } from "./machine.ts";
import { GUEST_BASE, type GuestMemory } from "./memory.ts";
import { NO_PACKET, type PacketLoad } from "./packet_load.ts";
import { type Entry, WasmCode, type WasmCodeOptions } from "./wasm_code.ts";
import { faultAt, trapSite, unknownTrap } from "./wasm_fault.ts";

/** Options of {@link WasmEngine}. */
export interface WasmEngineOptions extends WasmCodeOptions {
  /** Memory of the program. */
  readonly memory: GuestMemory;
  /** Helpers by id; entries may be added later. */
  readonly helpers: HelperTable;
  /** Kfuncs by name; entries may be added later. */
  readonly kfuncs: KfuncTable;
}

/** Instructions between two looks at the clock. */
const SLICE = 1 << 20;
/** The most instructions that the counter holds. */
const MOST = 0x3fff_ffff;

/** Whether an address is one that code need not check. */
function isInReach(address: bigint): boolean {
  return address >= BigInt(GUEST_BASE) && address < 0x8000_0000n;
}

function enter(entry: Entry, frame: number, args: readonly bigint[]): bigint {
  const [r1 = 0n, r2 = 0n, r3 = 0n, r4 = 0n, r5 = 0n] = args;
  return BigInt.asUintN(64, entry(frame, r1, r2, r3, r4, r5));
}

/** Thrown to go on in the interpreter: a function that cannot be compiled, in the frame of the main function. */
class Handover {
  readonly index: number;
  readonly args: readonly bigint[];

  constructor(index: number, args: readonly bigint[]) {
    this.index = index;
    this.args = args;
  }
}

/** Runs the functions of a program as WebAssembly. */
export class WasmEngine implements Engine, HelperContext {
  readonly memory: GuestMemory;
  readonly #code: Code;
  readonly #interpreter: Interpreter;
  readonly #options: WasmEngineOptions;
  /** Index of the function at a slot of the whole code. */
  readonly #functions: Map<number, number>;
  readonly #compiled: WasmCode;
  readonly #fuel = new WebAssembly.Global({ value: "i32", mutable: true }, 0);
  readonly #firstFrame: number;
  readonly #lastFrame: number;
  /** Instructions that may run beyond those in the counter. */
  #remaining = 0;
  #deadline = Infinity;
  #packet: PacketLoad = NO_PACKET;
  #fault: Fault | null = null;
  /** Counted instructions that have not run, where the program stopped. */
  #uncounted = 0;
  /** The frame of the function that called the helper. */
  #frame = 0;
  /** The function, plus one, and its arguments, that the helper wants to continue in. */
  #tail = 0;
  #tailArguments: readonly bigint[] = [];
  /** The helper that `resolve` found. */
  #resolved = 0;

  /**
   * Makes an engine; nothing is compiled yet.
   *
   * @param code The program.
   * @param interpreter What runs functions that cannot be compiled, made for the same code.
   * @param options Memory, helpers and how to compile.
   */
  constructor(code: Code, interpreter: Interpreter, options: WasmEngineOptions) {
    this.memory = options.memory;
    this.#code = code;
    this.#interpreter = interpreter;
    this.#options = options;
    this.#functions = new Map(code.entries.map((slot, i) => [slot, i]));
    const { frames } = interpreter;
    this.#firstFrame = frames[0] - GUEST_BASE;
    this.#lastFrame = frames[frames.length - 1] - GUEST_BASE;
    this.#compiled = new WasmCode(code, options, {
      strict: this.memory.level === "strict",
      lastFrame: this.#lastFrame,
      imports: (module) => this.#imports(module),
    });
  }

  /**
   * Why a function runs on the interpreter.
   *
   * @param index Its index in the program.
   * @returns The reason; null if it is compiled.
   */
  fallback(index: number): string | null {
    return this.#compiled.entry(index) === null ? this.#compiled.reason(index) : null;
  }

  run(index: number, args: readonly bigint[], limits: RunLimits): Outcome {
    const pointer = isInReach(args[0] ?? 0n);
    const entry = pointer ? this.#compiled.root(index) : this.#compiled.entry(index);
    if (entry === null) return interpreterEngine(this.#interpreter).run(index, args, limits);
    const { limit, deadline, packet } = limits;
    this.#remaining = limit;
    this.#deadline = deadline ?? Infinity;
    this.#packet = packet ?? NO_PACKET;
    this.#fault = null;
    this.#uncounted = 0;
    this.#tail = 0;
    this.#fuel.value = this.#slice();
    this.#interpreter.openFrames(1);
    try {
      const result = enter(entry, this.#firstFrame, args);
      return { returnValue: result, instructionCount: this.#count(limit), fault: null };
    } catch (error) {
      if (error instanceof Handover) return this.#handOver(error, limits);
      const fault = this.#fault ?? this.#trap(error);
      if (fault === null) throw error;
      return { returnValue: 0n, instructionCount: this.#count(limit), fault };
    }
  }

  /** Goes on in the interpreter. */
  #handOver({ index, args }: Handover, limits: RunLimits): Outcome {
    const done = this.#count(limits.limit);
    const rest = { ...limits, limit: limits.limit - done };
    const outcome = interpreterEngine(this.#interpreter).run(index, args, rest);
    return { ...outcome, instructionCount: done + outcome.instructionCount };
  }

  #count(limit: number): number {
    return limit - this.#remaining - Math.max(this.#fuel.value, 0) - this.#uncounted;
  }

  // The host of the code.

  #imports(module: WasmModule): Record<string, WebAssembly.ImportValue> {
    const { sites } = module;
    const imports: { [K in HostFunction]: WebAssembly.ImportValue } = {
      refuel: (site: number) => this.#refuel(sites[site]),
      wild: (address: bigint, site: number) => this.#wild(address, sites[site]),
      packet: (offset: number, size: number) => BigInt(this.#packet(offset, size)),
      resolve: (address: bigint, site: number, frame: number) =>
        this.#resolve(BigInt.asUintN(64, address), sites[site], frame),
      resolved: (
        site: number,
        frame: number,
        r1: bigint,
        r2: bigint,
        r3: bigint,
        r4: bigint,
        r5: bigint,
      ) => {
        const id = this.#resolved;
        const helper = this.#options.helpers.get(id);
        return this.#help(helper, `helper ${id}`, sites[site], frame, r1, r2, r3, r4, r5);
      },
      tail: () => {
        const index = this.#tail;
        this.#tail = 0;
        return index;
      },
      tail_argument: (i: number) => this.#tailArguments[i] ?? 0n,
    };
    const helpers = module.helpers.map((helper, i) => [`h${i}`, this.#helperImport(helper, sites)]);
    return {
      memory: this.memory.storage,
      read_limits: this.memory.limitStorage.read,
      write_limits: this.memory.limitStorage.write,
      functions: this.#compiled.table,
      fuel: this.#fuel,
      ...imports,
      ...Object.fromEntries(helpers),
    };
  }

  #helperImport({ callee }: HelperImport, sites: readonly Site[]): WebAssembly.ImportValue {
    const { helpers, kfuncs } = this.#options;
    const name = callee.kind === "helper" ? `helper ${callee.id}` : `kfunc ${callee.name}`;
    const find = callee.kind === "helper"
      ? () => helpers.get(callee.id)
      : () => kfuncs.get(callee.name);
    return (
      site: number,
      frame: number,
      r1 = 0n,
      r2 = 0n,
      r3 = 0n,
      r4 = 0n,
      r5 = 0n,
    ): bigint => this.#help(find(), name, sites[site], frame, r1, r2, r3, r4, r5);
  }

  /** Calls a helper or kfunc. */
  #help(
    helper: Helper | undefined,
    name: string,
    site: Site,
    frame: number,
    r1: bigint,
    r2: bigint,
    r3: bigint,
    r4: bigint,
    r5: bigint,
  ): bigint {
    if (helper === undefined) {
      this.#stop(site, "unknown-helper", `cannot call ${name}: not registered`);
    }
    const outer = this.#frame;
    this.#frame = frame;
    try {
      const result = helper(
        this,
        BigInt.asUintN(64, r1),
        BigInt.asUintN(64, r2),
        BigInt.asUintN(64, r3),
        BigInt.asUintN(64, r4),
        BigInt.asUintN(64, r5),
      );
      return result;
    } catch (error) {
      if (!(error instanceof GuestFault)) throw error;
      this.#stop(site, error.kind, error.message);
    } finally {
      this.#frame = outer;
    }
  }

  /** Stops the program at a site, unless it has stopped further in. */
  #stop(site: Site, kind?: FaultKind, message?: string): never {
    if (this.#fault === null) {
      this.#fault = faultAt(this.#code, site, kind, message);
      this.#uncounted = uncounted(site).length;
    }
    throw new GuestFault(this.#fault.kind, this.#fault.message);
  }

  #slice(): number {
    const slice = Math.min(this.#remaining, this.#deadline === Infinity ? MOST : SLICE);
    this.#remaining -= slice;
    return slice;
  }

  /** Fills the counter again. */
  #refuel(site: Site): void {
    while (this.#fuel.value < 0 && this.#remaining > 0) {
      if (performance.now() >= this.#deadline) {
        this.#stop(site, "limit", "cannot continue: the time limit is reached");
      }
      this.#fuel.value += this.#slice();
    }
    if (this.#fuel.value >= 0) return;
    // The instructions that were counted together and fit the limit have not run either: the next one is at fault.
    const pc = uncounted(site).at(this.#fuel.value) ?? site.pc;
    this.#stop({ ...site, pc, segment: [] });
  }

  #wild(address: bigint, site: Site): never {
    const { fault, size, off, write } = site;
    if (fault === "misaligned") {
      const hex = BigInt.asUintN(64, address).toString(16);
      this.#stop(site, fault, `cannot access ${size} bytes at 0x${hex} atomically: misaligned`);
    }
    try {
      this.memory.place(BigInt.asUintN(64, address), off, size, write);
    } catch (error) {
      if (error instanceof GuestFault) this.#stop(site, error.kind, error.message);
      throw error;
    }
    return this.#stop(site);
  }

  #trap(error: unknown): Fault | null {
    const site = trapSite(error, this.#compiled.modules);
    if (site === null) return unknownTrap(error);
    this.#uncounted = uncounted(site).length;
    return faultAt(this.#code, site);
  }

  // Functions by address.

  /** The index of the function at an address; -1 if there is none. */
  #indexOf(address: bigint): number {
    const slot = (Number(BigInt.asUintN(64, address)) - CODE_BASE) / 8;
    return this.#functions.get(slot) ?? -1;
  }

  #checkedIndex(address: bigint): number {
    const index = this.#indexOf(address);
    if (index >= 0) return index;
    const hex = BigInt.asUintN(64, address).toString(16);
    throw new GuestFault("bad-call-target", `cannot call 0x${hex}: not a function`);
  }

  #resolve(address: bigint, site: Site, frame: number): number {
    const index = this.#indexOf(address);
    if (index >= 0) {
      if (frame >= this.#lastFrame) this.#stop(site, "call-depth");
      if (this.#compiled.entry(index) === null) {
        const { kind, message } = this.#uncompiled(index);
        this.#stop(site, kind, message);
      }
      return index;
    }
    if (address < BigInt(GUEST_BASE)) {
      this.#resolved = Number(address);
      return HELPER;
    }
    return this.#stop(
      site,
      "bad-call-target",
      `cannot call 0x${address.toString(16)}: not a function`,
    );
  }

  call(functionAddress: bigint, args: readonly bigint[]): bigint {
    const index = this.#checkedIndex(functionAddress);
    const frame = this.#frame;
    if (frame >= this.#lastFrame) {
      throw new GuestFault("call-depth", "cannot call: all 8 frames are in use");
    }
    const entry = this.#compiled.entry(index);
    if (entry === null) throw this.#uncompiled(index);
    const depth = (frame - this.#firstFrame) / FRAME_STRIDE + 1;
    this.#interpreter.openFrames(depth + 1);
    try {
      return enter(entry, frame + FRAME_STRIDE, args);
    } catch (error) {
      this.#fault ??= this.#trap(error);
      if (this.#fault === null) throw error;
      throw new GuestFault(this.#fault.kind, this.#fault.message);
    } finally {
      this.#frame = frame;
      this.#interpreter.openFrames(depth);
    }
  }

  tailCall(functionAddress: bigint, args: readonly bigint[]): void {
    const index = this.#checkedIndex(functionAddress);
    if (this.#compiled.entry(index) === null) {
      if (this.#frame === this.#firstFrame) throw new Handover(index, args);
      throw this.#uncompiled(index);
    }
    this.#tail = index + 1;
    this.#tailArguments = args;
  }

  #uncompiled(index: number): GuestFault {
    const reason = this.#compiled.reason(index);
    return new GuestFault("bad-call-target", `cannot call function ${index}: ${reason}`);
  }
}
