/**
 * Random inputs for test runs, from a seed: frames that a parser gets somewhere with, with addresses and ports from
 * small pools so that maps are hit, and noise.
 *
 * @module
 */

/** A generator of random numbers (mulberry32). */
export class Random {
  #state: number;

  /**
   * Starts a sequence.
   *
   * @param seed Its seed, an integer.
   */
  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /**
   * Draws a number.
   *
   * @param limit How many numbers there are, at most 2^32.
   * @returns A number from 0 to `limit` - 1.
   */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor(((t ^ (t >>> 14)) >>> 0) / 2 ** 32 * limit);
  }

  /**
   * Draws an element.
   *
   * @param items The elements.
   * @returns One of them.
   */
  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)];
  }

  /**
   * Draws bytes.
   *
   * @param size How many.
   * @returns The bytes, in memory that never moves.
   */
  bytes(size: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(new ArrayBuffer(size));
    for (let i = 0; i < size; i++) bytes[i] = this.below(256);
    return bytes;
  }
}

/** Bytes of the shortest frame that BPF_PROG_TEST_RUN takes. */
const MIN_FRAME = 14;

const ETHER = { IPV4: 0x0800, IPV6: 0x86dd, ARP: 0x0806, VLAN: 0x8100 } as const;
const PROTOCOL = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58 } as const;
const PORTS: readonly number[] = [22, 53, 80, 443, 8080, 4789];

function putPorts(random: Random, view: DataView, at: number): void {
  if (at + 4 > view.byteLength) return;
  view.setUint16(at, random.below(4) === 0 ? random.below(65_536) : random.of(PORTS));
  view.setUint16(at + 2, random.below(4) === 0 ? random.below(65_536) : random.of(PORTS));
}

/** An IPv4 header at an offset in bytes, and the ports behind it. */
function putIpv4(random: Random, view: DataView, at: number): void {
  const words = random.below(8) === 0 ? 5 + random.below(11) : 5;
  if (at + 4 * words > view.byteLength) return;
  view.setUint8(at, 0x40 | words);
  view.setUint16(at + 2, view.byteLength - at);
  view.setUint16(at + 6, random.below(8) === 0 ? random.below(65_536) : 0x4000);
  view.setUint8(at + 8, 1 + random.below(255));
  view.setUint8(at + 9, random.of([PROTOCOL.TCP, PROTOCOL.UDP, PROTOCOL.ICMP, random.below(256)]));
  view.setUint32(at + 12, 0x0a000000 + random.below(8));
  view.setUint32(at + 16, 0x0a000000 + random.below(8));
  putPorts(random, view, at + 4 * words);
}

/** An IPv6 header at an offset in bytes, and the ports behind it. */
function putIpv6(random: Random, view: DataView, at: number): void {
  if (at + 40 > view.byteLength) return;
  view.setUint8(at, 0x60);
  view.setUint16(at + 4, view.byteLength - at - 40);
  view.setUint8(
    at + 6,
    random.of([PROTOCOL.TCP, PROTOCOL.UDP, PROTOCOL.ICMPV6, random.below(256)]),
  );
  view.setUint8(at + 7, 1 + random.below(255));
  for (const address of [at + 8, at + 24]) {
    view.setUint32(address, 0xfd000000);
    view.setUint32(address + 4, 0);
    view.setUint32(address + 8, 0);
    view.setUint32(address + 12, random.below(8));
  }
  putPorts(random, view, at + 40);
}

/**
 * Makes an Ethernet frame.
 *
 * @param random Where it comes from.
 * @returns The frame, 14 to 1,514 bytes; one in five is noise.
 */
export function randomFrame(random: Random): Uint8Array<ArrayBuffer> {
  const long = random.below(3) === 0;
  const frame = random.bytes(MIN_FRAME + random.below(long ? 1501 : 120));
  if (random.below(5) === 0) return frame;
  const view = new DataView(frame.buffer);
  let at = 12;
  if (random.below(8) === 0 && at + 6 <= frame.length) {
    view.setUint16(at, ETHER.VLAN);
    at += 4;
  }
  const kind = random.of([ETHER.IPV4, ETHER.IPV4, ETHER.IPV4, ETHER.IPV6, ETHER.IPV6, ETHER.ARP]);
  view.setUint16(at, kind);
  if (kind === ETHER.IPV4) putIpv4(random, view, at + 2);
  if (kind === ETHER.IPV6) putIpv6(random, view, at + 2);
  return frame;
}
