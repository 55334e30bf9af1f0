/**
 * Contexts: what a program of a type finds behind r1, built in guest memory from what the user has at hand.
 *
 * The field layout is that of the kernel's interface (linux/bpf.h). In the kernel the verifier rewrites accesses to
 * fields; here they are plain memory, which works as the guest's addresses fit the 32 bits of the pointer fields.
 *
 * @module
 */

import type { PacketLoad } from "../packet_load.ts";
import type { PacketBuffer } from "./packet.ts";
import type { TracedMachine } from "./registers.ts";
import type { SysctlInput } from "./sysctl.ts";

/** Values of fields or registers by name: numbers, the numbers of an array, or the bytes as they are in memory. */
export type NamedValues = Readonly<
  Record<string, number | bigint | readonly (number | bigint)[] | Uint8Array>
>;

/** What a context is built from; each program type takes what makes sense for it. */
export interface ContextInput {
  /** The packet, from its link layer header on. */
  readonly packet?: Uint8Array | undefined;
  /** How many of its leading bytes are metadata (XDP and tc); by default none. */
  readonly meta?: number | undefined;
  /** How many bytes of the packet are directly accessible; by default as many as in the kernel's test run. */
  readonly linear?: number | undefined;
  /** The socket of the packet or context, by the names of `struct bpf_sock` and `bpf_tcp_sock`; null for none. */
  readonly socket?: NamedValues | null | undefined;
  /** The context itself as bytes: the whole struct, or what the kernel's test run takes for one. */
  readonly ctx?: Uint8Array | undefined;
  /** Fields of the context by name, over `ctx`. */
  readonly fields?: NamedValues | undefined;
  /** Arguments of the function or tracepoint that the program is attached to. */
  readonly args?: readonly (number | bigint)[] | undefined;
  /** What that function returned. */
  readonly returned?: number | bigint | undefined;
  /** Processor registers by name. */
  readonly registers?: NamedValues | undefined;
  /** The processor whose registers they are; by default x86_64. */
  readonly machine?: TracedMachine | undefined;
  /** The kernel parameter that a program watches over. */
  readonly sysctl?: SysctlInput | undefined;
  /** Format of the record of a tracepoint: the text of `events/SUBSYSTEM/NAME/format` of tracefs. */
  readonly format?: string | undefined;
}

/** What a run left behind. */
export interface ContextOutput {
  /** The context struct, addresses included; empty without one. */
  readonly context: Uint8Array;
  /** Reads its fields by name, where the type has named ones; they are as they were at the end of the run. */
  readonly readFields: () => { readonly [name: string]: bigint };
  /** The packet, from its link layer header on; null for types without one. */
  readonly packet: Uint8Array | null;
  /** The metadata before it. */
  readonly meta: Uint8Array;
}

/** The context of one run. */
export interface RunContext {
  /** Program type, such as `xdp`. */
  readonly type: string;
  /** r1 and what follows. */
  readonly args: readonly bigint[];
  /** Address of the context struct; 0 without one. */
  readonly address: number;
  /** The packet of the run; null without one. */
  readonly packet: PacketBuffer | null;
  /** What the legacy packet loads read. */
  readonly loadPacket: PacketLoad;
  /**
   * Reads back what the program left.
   *
   * @returns The context and the packet.
   */
  finish(): ContextOutput;
}

/** Builds contexts of one program type, one at a time, in memory that it keeps. */
export interface ContextBuilder {
  /**
   * Builds the context of a run.
   *
   * @param input What the user has.
   * @returns The context; the one built before is void.
   * @throws {EpassError} If the input does not make sense for the program type.
   */
  build(input: ContextInput): RunContext;
}
