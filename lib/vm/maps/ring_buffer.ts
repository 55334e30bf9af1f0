/**
 * The map type `ringbuf`. Records lie in guest memory, where the program fills them in; what is known about them lies outside.
 *
 * Positions count bytes since the start and never wrap. As in the kernel a record takes 8 bytes for its header and is rounded up
 * to 8 bytes, and records become visible in the order of their reservation. A record that begins before the end of the ring
 * may go on behind it: the memory is twice as large as the ring, where the kernel maps the ring twice.
 *
 * @module
 */

import { EpassError } from "../../errors.ts";
import { ERRNO } from "../errno.ts";
import { BaseMap, type MapSeed, roundUp8 } from "./map.ts";
import { MapStorage } from "./storage.ts";

/** Bytes of the header of a record. */
const HEADER = 8;
/** Ring sizes are multiples of it. */
const PAGE = 4096;
/** Most bytes of a record (RINGBUF_MAX_RECORD_SZ). */
const MAX_RECORD = 0x3fff_ffff;

/** The most records that wait for the reader: what is known about them lies outside of guest memory. */
const MAX_PENDING = 1 << 20;
/** Bytes before a sample of a user ring buffer in guest memory. */
export const STAGE_HEADER = 16;

/** Questions about a ring buffer (linux/bpf.h: BPF_RB_*). */
const QUERY = { available: 0, size: 1, consumer: 2, producer: 3 } as const;

/** Flags of output, submit and discard: whether the reader is woken. */
const WAKEUP_FLAGS = 3;

/** A record that the reader has not taken. */
interface RingRecord {
  /** Address of its bytes. */
  readonly address: number;
  /** Number of its bytes. */
  readonly size: number;
  /** Position behind it. */
  readonly end: number;
  state: "busy" | "submitted" | "discarded";
}

/** Takes what a program sent; the bytes are a copy. */
export type RingReader = (data: Uint8Array<ArrayBuffer>) => void;

/** A ring buffer that programs write. */
export class RingBuffer extends BaseMap {
  readonly #storage: MapStorage;
  readonly #memory: number;
  readonly #mask: number;
  #queue: RingRecord[] = [];
  /** Index in the queue of the oldest record. */
  #head = 0;
  readonly #busy = new Map<number, RingRecord>();
  #producer = 0;
  #consumer = 0;

  /**
   * Reserves the ring.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If its size is not a power of two of whole pages, or it has keys or values.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    const size = this.maxEntries;
    const isPower = size > 0 && (size & (size - 1)) === 0;
    if (this.keySize !== 0 || this.valueSize !== 0 || !isPower || size % PAGE !== 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a ring of ${size} bytes, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#memory = this.#storage.allocate(2 * size);
    this.#mask = size - 1;
  }

  override get size(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * Reserves a record.
   *
   * @param size Number of its bytes.
   * @returns Its address; 0 if there is no room.
   */
  reserve(size: number): number {
    if (size > MAX_RECORD) return 0;
    const length = roundUp8(size + HEADER);
    const end = this.#producer + length;
    if (length > this.maxEntries || end - this.#consumer > this.#mask) return 0;
    if (this.size >= MAX_PENDING) return 0;
    const address = this.#memory + this.#producer % this.maxEntries + HEADER;
    const record: RingRecord = { address, size, end, state: "busy" };
    this.#queue.push(record);
    this.#busy.set(address, record);
    this.#producer = end;
    return address;
  }

  /**
   * Whether an address is that of a reserved record.
   *
   * @param address The address.
   * @returns Its size in bytes; -1 if it is none.
   */
  reservedSize(address: number): number {
    return this.#busy.get(address)?.size ?? -1;
  }

  /**
   * Finishes a record.
   *
   * @param address Its address.
   * @param submit Whether the reader shall see it.
   * @returns Whether it was reserved.
   */
  commit(address: number, submit: boolean): boolean {
    const record = this.#busy.get(address);
    if (record === undefined) return false;
    this.#busy.delete(address);
    record.state = submit ? "submitted" : "discarded";
    return true;
  }

  /**
   * Takes all records that are visible.
   *
   * @param reader Takes them.
   */
  drain(reader: RingReader): void {
    for (; this.#head < this.#queue.length; this.#head++) {
      const { address, size, end, state } = this.#queue[this.#head];
      if (state === "busy") break;
      this.#consumer = end;
      if (state === "submitted") reader(this.#storage.bytes(address, size).slice());
    }
    if (2 * this.#head >= this.#queue.length) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }

  /**
   * Copies a record in.
   *
   * @param data Its bytes.
   * @param flags Whether the reader is woken.
   * @returns 0 or a negative error number.
   */
  output(data: Uint8Array, flags: number): number {
    if (flags > WAKEUP_FLAGS) return -ERRNO.EINVAL;
    const address = this.reserve(data.length);
    if (address === 0) return -ERRNO.EAGAIN;
    this.#storage.write(address, data);
    this.commit(address, true);
    return 0;
  }

  /**
   * Answers a question.
   *
   * @param what 0 bytes that the reader has not taken, 1 size of the ring, 2 position of the reader, 3 of the writer.
   * @returns The answer; 0 for any other question.
   */
  query(what: number): number {
    switch (what) {
      case QUERY.available:
        return this.#producer - this.#consumer;
      case QUERY.size:
        return this.maxEntries;
      case QUERY.consumer:
        return this.#consumer;
      case QUERY.producer:
        return this.#producer;
      default:
        return 0;
    }
  }
}

/** A ring buffer that programs read (`user_ringbuf`): samples that the world outside puts in. */
export class UserRingBuffer extends BaseMap {
  readonly #samples: Uint8Array<ArrayBuffer>[] = [];
  readonly #storage: MapStorage;
  readonly #stage: number;
  #bytes = 0;

  /**
   * Reserves room for one sample in guest memory.
   *
   * @param seed What it is created from.
   * @throws {EpassError} If its size is not possible.
   * @throws {UnsupportedError} If guest memory is exhausted.
   */
  constructor(seed: MapSeed) {
    super(seed);
    if (this.keySize !== 0 || this.valueSize !== 0 || this.maxEntries === 0) {
      throw new EpassError(
        `cannot create map ${this.name}: a ring of ${this.maxEntries} bytes, keys of ${this.keySize} and values of ${this.valueSize} bytes`,
      );
    }
    this.#storage = new MapStorage(seed.host.memory, this.name);
    this.#stage = this.#storage.allocate(STAGE_HEADER + this.maxEntries);
  }

  /** Address of {@link STAGE_HEADER} bytes for whoever passes a sample to a program; a taken sample lies behind them. */
  get stage(): number {
    return this.#stage;
  }

  override get size(): number {
    return this.#samples.length;
  }

  /**
   * Puts a sample in.
   *
   * @param sample Its bytes.
   * @returns 0 or a negative error number.
   */
  push(sample: Uint8Array): number {
    const length = roundUp8(sample.length + HEADER);
    if (this.#bytes + length > this.maxEntries) return -ERRNO.ENOSPC;
    this.#bytes += length;
    this.#samples.push(sample.slice());
    return 0;
  }

  /**
   * Takes the oldest sample, to where the program can read it.
   *
   * @returns The number of its bytes, behind {@link UserRingBuffer.stage}; -1 if there is none.
   */
  take(): number {
    const sample = this.#samples.shift();
    if (sample === undefined) return -1;
    this.#bytes -= roundUp8(sample.length + HEADER);
    this.#storage.write(this.#stage + STAGE_HEADER, sample);
    return sample.length;
  }
}
