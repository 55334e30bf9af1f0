/**
 * The packet of a run: a buffer in guest memory with room before and behind the bytes, as a network driver lays it out.
 *
 * ```text
 * start      meta   data        end         limit
 *   | headroom | meta | linear part | tailroom |        rest: bytes outside of guest memory (fragments)
 * ```
 *
 * Where its parts begin is kept here and never read back from guest memory, which the program can overwrite.
 *
 * @module
 */

import { EpassError, UnsupportedError } from "../../errors.ts";
import { GuestFault } from "../fault.ts";
import { GUEST_BASE, type GuestMemory, type Region } from "../memory.ts";

/** The most bytes of a packet: what the length field of IP allows, and a link layer header. */
export const MAX_PACKET = 0x1_0100;

/** Sizes of a buffer, in bytes. */
export interface PacketRoom {
  /** Bytes before the packet. */
  readonly headroom: number;
  /** Bytes behind the linear part, at least. */
  readonly tailroom: number;
  /** How much of the packet is linear, that is in guest memory; by default all. */
  readonly linear?: number | undefined;
  /** How many of the leading bytes are metadata. */
  readonly meta?: number | undefined;
}

const NO_BYTES = new Uint8Array(0);

/** Metadata and headroom that a packet keeps when it moves. */
const KEPT_HEADROOM = 256;

/** Sizes of regions double, so that a packet that grows step by step moves a few times only. */
const regionSize = (needed: number): number =>
  1 << Math.max(12, 32 - Math.clz32(Math.max(needed - 1, 1)));

/** A packet in guest memory. Offsets are in bytes from the start of the packet's data. */
export class PacketBuffer {
  readonly #memory: GuestMemory;
  /** Where packets are placed, so that runs on like packets see like addresses. */
  #home: Region | null = null;
  /** Where a packet goes that grows out of its place. */
  #annex: Region | null = null;
  /** Where the packet is. */
  #region: Region | null = null;
  /** Offsets in the region. */
  #meta = 0;
  #data = 0;
  #end = 0;
  #limit = 0;
  #rest = new Uint8Array(0);

  /**
   * Makes a buffer without a packet.
   *
   * @param memory Guest memory.
   */
  constructor(memory: GuestMemory) {
    this.#memory = memory;
  }

  /**
   * Lays out a packet in place of the one before.
   *
   * @param bytes Its bytes, metadata first.
   * @param room The sizes.
   * @throws {UnsupportedError} If it is too long, or guest memory is exhausted.
   * @throws {EpassError} If a size makes no sense.
   */
  place(bytes: Uint8Array, room: PacketRoom): void {
    for (const size of [room.meta ?? 0, room.linear ?? 0]) {
      if (Number.isInteger(size) && size >= 0) continue;
      throw new EpassError(`cannot place a packet: a part of ${size} bytes`);
    }
    if (bytes.length > MAX_PACKET) {
      throw new UnsupportedError(
        `cannot place a packet: its ${bytes.length} bytes exceed ${MAX_PACKET}`,
      );
    }
    this.#home = this.#roomFor(this.#home, bytes, room);
    this.#lay(this.#home, bytes, room);
  }

  /** A region with room for a packet: the one given if it is large enough. */
  #roomFor(region: Region | null, bytes: Uint8Array, room: PacketRoom): Region {
    const capacity = room.headroom + bytes.length + room.tailroom;
    if (region !== null && region.capacity >= capacity) return region;
    return this.#memory.allocate("the packet", regionSize(capacity));
  }

  #lay(region: Region, bytes: Uint8Array, room: PacketRoom): void {
    const meta = Math.min(room.meta ?? 0, bytes.length);
    const linear = Math.min(Math.max(room.linear ?? bytes.length, meta), bytes.length);
    if (this.#region !== null) this.#memory.unmap(this.#region);
    this.#region = region;
    this.#meta = room.headroom;
    this.#data = room.headroom + meta;
    this.#end = room.headroom + linear;
    this.#limit = this.#end + room.tailroom;
    this.#rest = bytes.slice(linear);
    const all = this.#all();
    all.fill(0);
    all.set(bytes.subarray(0, linear), this.#meta);
    this.#remap();
  }

  /** All bytes of the region, mapped or not. */
  #all(): Uint8Array<ArrayBuffer> {
    const region = this.#region;
    if (region === null) return new Uint8Array(0);
    const at = region.address - GUEST_BASE;
    return this.#memory.bytes.subarray(at, at + region.capacity);
  }

  #remap(): void {
    if (this.#region !== null) this.#memory.resize(this.#region, this.#end);
  }

  /** Address of the region, 0 without a packet. */
  get #base(): number {
    return this.#region?.address ?? 0;
  }

  /** Address of the metadata; that of the data if there is none. */
  get metaAddress(): number {
    return this.#base + this.#meta;
  }

  /** Address of the first byte. */
  get dataAddress(): number {
    return this.#base + this.#data;
  }

  /** Address behind the last byte of the linear part. */
  get endAddress(): number {
    return this.#base + this.#end;
  }

  /** Bytes of the linear part. */
  get linearLength(): number {
    return this.#end - this.#data;
  }

  /** Bytes of the packet, without metadata. */
  get length(): number {
    return this.#end - this.#data + this.#rest.length;
  }

  /** Bytes of metadata. */
  get metaLength(): number {
    return this.#data - this.#meta;
  }

  /** Bytes before the metadata. */
  get headroom(): number {
    return this.#meta;
  }

  /** Bytes behind the linear part. */
  get tailroom(): number {
    return this.#limit - this.#end;
  }

  /** The linear part: a view, valid until the next allocation. */
  get linear(): Uint8Array<ArrayBuffer> {
    return this.#all().subarray(this.#data, this.#end);
  }

  /**
   * Copies the metadata.
   *
   * @returns Its bytes.
   */
  meta(): Uint8Array<ArrayBuffer> {
    if (this.metaLength === 0) return NO_BYTES;
    return this.#all().slice(this.#meta, this.#data);
  }

  /**
   * Copies the packet.
   *
   * @returns Its bytes, without metadata.
   */
  bytes(): Uint8Array<ArrayBuffer> {
    const first = this.#all().subarray(this.#data, this.#end);
    if (this.#rest.length === 0) return first.slice();
    const copy = new Uint8Array(first.length + this.#rest.length);
    copy.set(first);
    copy.set(this.#rest, first.length);
    return copy;
  }

  /**
   * Copies bytes out, linear or not.
   *
   * @param offset Where they begin; negative for the headroom.
   * @param size How many.
   * @returns The bytes; null if the packet does not hold them all.
   */
  read(offset: number, size: number): Uint8Array<ArrayBuffer> | null {
    if (offset < -this.#data || size < 0 || offset + size > this.length) return null;
    const linear = this.#all().subarray(this.#data + offset, this.#end);
    if (size <= linear.length) return linear.slice(0, size);
    const copy = new Uint8Array(size);
    const inLinear = Math.max(this.linearLength - offset, 0);
    if (inLinear > 0) copy.set(linear);
    const from = Math.max(offset - this.linearLength, 0);
    copy.set(this.#rest.subarray(from, from + size - inLinear), inLinear);
    return copy;
  }

  /**
   * Copies bytes in, linear or not.
   *
   * @param offset Where they go; negative for the headroom.
   * @param bytes The bytes.
   * @returns Whether the packet has room for them all; otherwise nothing changes.
   */
  write(offset: number, bytes: Uint8Array): boolean {
    if (offset < -this.#data || offset + bytes.length > this.length) return false;
    const inLinear = Math.min(Math.max(this.linearLength - offset, 0), bytes.length);
    if (inLinear > 0) this.#all().set(bytes.subarray(0, inLinear), this.#data + offset);
    if (inLinear < bytes.length) {
      this.#rest.set(bytes.subarray(inLinear), Math.max(offset - this.linearLength, 0));
    }
    return true;
  }

  /**
   * Moves the start of the data; the metadata in front moves along.
   *
   * @param delta By how many bytes; negative to grow into the headroom.
   */
  moveData(delta: number): void {
    const meta = this.#all().slice(this.#meta, this.#data);
    this.#meta += delta;
    this.#data += delta;
    this.#all().set(meta, this.#meta);
  }

  /**
   * Moves the start of the metadata.
   *
   * @param delta By how many bytes; negative to grow.
   */
  moveMeta(delta: number): void {
    this.#meta += delta;
  }

  /** Forgets the metadata; its bytes become headroom. */
  dropMeta(): void {
    this.#meta = this.#data;
  }

  /**
   * Moves the end of the linear part; new bytes are zeros.
   *
   * @param delta By how many bytes; negative to shrink, at most the tailroom.
   */
  moveEnd(delta: number): void {
    const before = this.#end;
    this.#end += delta;
    if (delta > 0) this.#all().fill(0, before, this.#end);
    this.#remap();
  }

  /** Bytes that are not linear. */
  get restLength(): number {
    return this.#rest.length;
  }

  /**
   * Changes the size of the part that is not linear.
   *
   * @param size Its new size; new bytes are zeros.
   */
  resizeRest(size: number): void {
    const rest = new Uint8Array(size);
    rest.set(this.#rest.subarray(0, size));
    this.#rest = rest;
  }

  /**
   * Makes more of the packet linear.
   *
   * @param size Bytes of the linear part wanted, at most the length of the packet.
   * @throws {GuestFault} If guest memory is exhausted.
   */
  pull(size: number): void {
    const more = size - this.linearLength;
    if (more <= 0) return;
    this.reserve(0, more);
    const moved = this.#rest.slice(0, more);
    this.#rest = this.#rest.slice(more);
    this.moveEnd(more);
    this.#all().set(moved, this.#end - more);
  }

  /**
   * Makes sure of room around the packet; its addresses may change.
   *
   * @param headroom Bytes before the metadata.
   * @param tailroom Bytes behind the linear part.
   * @throws {GuestFault} If guest memory is exhausted.
   */
  reserve(headroom: number, tailroom: number): void {
    if (headroom <= this.headroom && tailroom <= this.tailroom) return;
    const rest = this.#rest;
    const linear = this.#all().slice(this.#meta, this.#end);
    const room: PacketRoom = {
      headroom: Math.max(headroom, Math.min(this.headroom, KEPT_HEADROOM)),
      tailroom: Math.max(tailroom, Math.min(this.tailroom, KEPT_HEADROOM)),
      meta: this.metaLength,
    };
    try {
      this.#annex = this.#roomFor(this.#annex, linear, room);
    } catch (error) {
      if (error instanceof UnsupportedError) throw new GuestFault("helper", error.message);
      throw error;
    }
    this.#lay(this.#annex, linear, room);
    this.#rest = rest;
  }
}
