/**
 * Contexts of programs that watch over kernel parameters: `struct bpf_sysctl`, the parameter's name and values.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import { NO_PACKET, type PacketLoad } from "../packet_load.ts";
import type { ContextBuilder, ContextInput, ContextOutput, RunContext } from "./context.ts";
import { StructMemory } from "./struct_memory.ts";
import { SYSCTL } from "./structs.ts";

/** A kernel parameter that is read or written. */
export interface SysctlInput {
  /** Its path below /proc/sys, such as `net/ipv4/ip_forward`. */
  readonly name: string;
  /** Its value, as text. */
  readonly current: string;
  /** The value that is being written; absent for a read. */
  readonly wanted?: string | undefined;
}

const NO_BYTES = new Uint8Array(0);
const NOTHING: SysctlInput = { name: "", current: "" };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The context of one run of such a program. */
export class SysctlContext implements RunContext {
  readonly type = "cgroup_sysctl";
  readonly packet = null;
  readonly loadPacket: PacketLoad = NO_PACKET;
  /** Path of the parameter. */
  readonly name: string;
  /** Its value. */
  readonly current: Uint8Array;
  /** The value that is being written, which the program may replace; null for a read. */
  wanted: Uint8Array | null;
  readonly #fields: StructMemory;

  /**
   * Wraps a struct and a parameter.
   *
   * @param fields The struct.
   * @param input The parameter.
   */
  constructor(fields: StructMemory, { name, current, wanted }: SysctlInput) {
    this.#fields = fields;
    this.name = name;
    this.current = bytesOf(current);
    this.wanted = wanted === undefined ? null : bytesOf(wanted);
  }

  get address(): number {
    return this.#fields.address;
  }

  get args(): readonly bigint[] {
    return [BigInt(this.address)];
  }

  finish(): ContextOutput {
    const context = this.#fields.bytes.slice();
    return {
      context,
      readFields: () => this.#fields.read(context),
      packet: null,
      meta: NO_BYTES,
    };
  }
}

/**
 * Makes the builder of contexts of programs on kernel parameters.
 *
 * @param env The environment.
 * @returns The builder.
 */
export function sysctlContexts(env: Environment): ContextBuilder {
  const struct = new StructMemory(env.memory, SYSCTL);
  return {
    build({ ctx, fields = {}, sysctl = NOTHING }: ContextInput) {
      struct.fill({});
      if (ctx !== undefined) struct.bytes.set(ctx.subarray(0, SYSCTL.size));
      struct.assign({ write: sysctl.wanted === undefined ? 0 : 1, ...fields });
      return new SysctlContext(struct, sysctl);
    },
  };
}
