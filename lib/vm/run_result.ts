/**
 * How a run of a program ended and what it left behind.
 *
 * @module
 */

import type { SourceLine } from "../object/source_line.ts";
import type { ContextOutput } from "./contexts/context.ts";
import type { Fault } from "./fault.ts";
import type { Outcome } from "./interpreter.ts";
import type { Action, OutputRecord, Records, Redirect } from "./records.ts";
import type { TypedMap } from "./typed_map.ts";
import { verdictName } from "./verdict_names.ts";

/** A fault with its place in the source. */
export interface SourcedFault extends Fault {
  /** The source line of the instruction; null if the object does not tell. */
  readonly source: SourceLine | null;
}

/** How a run ended and what it left behind. */
export interface RunResult extends Outcome {
  /** Why the program was stopped, or null if it returned. */
  readonly fault: SourcedFault | null;
  /** Name of what it returned, such as `XDP_DROP`; null after a fault, and where values of its type have no names. */
  readonly verdict: string | null;
  /** The bytes of the context after the run; empty without one. */
  readonly context: Uint8Array;
  /** The fields of the context by name, for types that have named ones. */
  readonly fields: { readonly [name: string]: bigint };
  /** The packet after the run, from its link layer header on; null for programs without one. */
  readonly packet: Uint8Array | null;
  /** The metadata before the packet. */
  readonly meta: Uint8Array;
  /** The maps, which later runs find as this one left them. */
  readonly maps: Readonly<Record<string, TypedMap>>;
  /** Lines that the run printed. */
  readonly printk: readonly string[];
  /** Packets and sockets that it sent elsewhere. */
  readonly redirects: readonly Redirect[];
  /** Perf events and entries of ring buffers that it sent to user space. */
  readonly output: readonly OutputRecord[];
  /** What else it asked of the kernel. */
  readonly actions: readonly Action[];
  /** How many entries of these logs did not fit into their limits and are missing. */
  readonly dropped: number;
}

/** A result whose fields are read when they are asked for, as most callers want none. */
export class FinishedRun implements RunResult {
  readonly returnValue: bigint;
  readonly instructionCount: number;
  readonly fault: SourcedFault | null;
  readonly context: Uint8Array;
  readonly packet: Uint8Array | null;
  readonly meta: Uint8Array;
  readonly #maps: () => Readonly<Record<string, TypedMap>>;
  readonly printk: readonly string[];
  readonly redirects: readonly Redirect[];
  readonly output: readonly OutputRecord[];
  readonly actions: readonly Action[];
  readonly dropped: number;
  readonly #type: string;
  readonly #readFields: ContextOutput["readFields"];

  /**
   * Takes over what a run left.
   *
   * @param type Type of the program; empty for a raw one.
   * @param outcome How it ended.
   * @param fault Its fault with the place in the source.
   * @param after The context and packet.
   * @param maps Gives the maps.
   * @param records What it noted, which the next run clears.
   */
  constructor(
    type: string,
    outcome: Outcome,
    fault: SourcedFault | null,
    after: ContextOutput,
    maps: () => Readonly<Record<string, TypedMap>>,
    records: Records,
  ) {
    this.#type = type;
    this.returnValue = outcome.returnValue;
    this.instructionCount = outcome.instructionCount;
    this.fault = fault;
    this.context = after.context;
    this.packet = after.packet;
    this.meta = after.meta;
    this.#readFields = after.readFields;
    this.#maps = maps;
    this.printk = records.printk.entries.slice();
    this.redirects = records.redirects.entries.slice();
    this.output = records.output.entries.slice();
    this.actions = records.actions.entries.slice();
    this.dropped = records.dropped;
  }

  /** Name of what it returned; null after a fault, and where values of its type have no names. */
  get verdict(): string | null {
    if (this.fault !== null) return null;
    return verdictName(this.#type, this.returnValue)?.name ?? null;
  }

  /** The maps, which later runs find as this one left them. */
  get maps(): Readonly<Record<string, TypedMap>> {
    return this.#maps();
  }

  /** The fields of the context by name, for types that have named ones. */
  get fields(): { readonly [name: string]: bigint } {
    return this.#readFields();
  }
}
