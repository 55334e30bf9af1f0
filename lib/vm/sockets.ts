/**
 * Sockets that programs see: structs in guest memory, and what the caller told about them.
 *
 * @module
 */

import type { NamedValues } from "./contexts/context.ts";
import { writeFields } from "./contexts/layout.ts";
import { SOCK, TCP_SOCK } from "./contexts/structs.ts";
import type { GuestMemory, Region } from "./memory.ts";

/** Bytes from one socket to the next. */
const STRIDE = 256;
/** Offset in bytes of `struct bpf_tcp_sock`, behind `struct bpf_sock`. */
const TCP_OFFSET = 128;
/** Sockets of one run; older ones are overwritten. */
const CAPACITY = 1024;
/** Most options that are kept of a socket. */
const MAX_OPTIONS = 256;
/** IPPROTO_TCP. */
const TCP = 6;

/** Fields under construction. */
type Fields = { -readonly [name in keyof NamedValues]: NamedValues[name] };

/** A socket. */
export interface GuestSocket {
  /** Its number in the run, from 1. */
  readonly number: number;
  /** Address of its `struct bpf_sock`. */
  readonly address: number;
  /** Address of its `struct bpf_tcp_sock`; 0 if it is no TCP socket. */
  readonly tcpAddress: number;
  /** What the caller told; names that the structs do not have are for helpers, as `cookie` and `uid`. */
  readonly fields: NamedValues;
}

/** The sockets of a run. */
export class SocketTable {
  readonly #memory: GuestMemory;
  readonly #sockets: GuestSocket[] = [];
  readonly #options = new Map<bigint, Map<string, Uint8Array>>();
  #region: Region | null = null;
  #next = 0;

  /**
   * Makes a table without sockets.
   *
   * @param memory Guest memory.
   */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /** Forgets all sockets and their options. */
  clear(): void {
    this.#options.clear();
    this.#sockets.length = 0;
    this.#next = 0;
  }

  /**
   * Makes a socket.
   *
   * @param fields Its fields, by the names of `struct bpf_sock` and `struct bpf_tcp_sock`.
   * @returns Its address.
   * @throws {UnsupportedError} If guest memory is exhausted.
   * @throws {EpassError} If a value does not fit its field.
   */
  add(fields: NamedValues): number {
    this.#region ??= this.#memory.allocate("sockets", STRIDE * CAPACITY);
    const index = this.#next++ % CAPACITY;
    const address = this.#region.address + index * STRIDE;
    const bytes = this.#memory.contents(this.#region).subarray(
      index * STRIDE,
      (index + 1) * STRIDE,
    );
    bytes.fill(0);
    const ofSocket: Fields = { state: 1, rx_queue_mapping: 0xffff_ffff }, ofTcp: Fields = {};
    for (const name in fields) {
      const bare = name.endsWith("]") ? name.slice(0, name.indexOf("[")) : name;
      if (SOCK.byName.has(bare)) ofSocket[name] = fields[name];
      else if (TCP_SOCK.byName.has(bare)) ofTcp[name] = fields[name];
    }
    const { order } = this.#memory;
    writeFields(SOCK, bytes, order, ofSocket);
    writeFields(TCP_SOCK, bytes.subarray(TCP_OFFSET), order, ofTcp);
    const tcpAddress = Number(fields.protocol ?? 0) === TCP ? address + TCP_OFFSET : 0;
    this.#sockets[index] = { number: this.#next, address, tcpAddress, fields };
    return address;
  }

  /**
   * Finds a socket.
   *
   * @param address Its address, or that of its `struct bpf_tcp_sock`.
   * @returns The socket; null if no socket is there.
   */
  at(address: bigint): GuestSocket | null {
    const wanted = Number(address);
    return this.#sockets.find((s) => s.address === wanted || s.tcpAddress === wanted) ?? null;
  }

  /**
   * The options that a program set on a socket.
   *
   * @param address Address of the socket, or of a context that stands for it.
   * @returns Values by `level:name`; of the last sockets only, and of each the last options.
   */
  options(address: bigint): Map<string, Uint8Array> {
    let options = this.#options.get(address);
    if (options === undefined) {
      if (this.#options.size >= CAPACITY) this.#options.clear();
      this.#options.set(address, options = new Map());
    }
    if (options.size >= MAX_OPTIONS) options.clear();
    return options;
  }
}
