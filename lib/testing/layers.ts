/**
 * What the layers of a packet share: headers, what they know of each other, checksums.
 *
 * @module
 */

/** What a layer must know of those around it. */
export interface Surroundings {
  /** What it carries, encoded. */
  readonly payload: Uint8Array;
  /** The layer that it carries; null for plain bytes or nothing. */
  readonly upper: Layer | null;
  /** Addresses of the IP layer that carries it, for checksums; null outside of IP. */
  readonly addresses: Uint8Array | null;
}

/** A layer of a packet. */
export interface Layer {
  /** What it is. */
  readonly kind: "ethernet" | "vlan" | "ipv4" | "ipv6" | "tcp" | "udp" | "icmp" | "icmpv6";
  /** Source and destination of an IP layer; absent for others. */
  readonly addresses?: Uint8Array;
  /**
   * Makes the bytes of the layer and all that it carries.
   *
   * @param around The layers around it.
   * @returns The bytes.
   */
  encode(around: Surroundings): Uint8Array<ArrayBuffer>;
}

/**
 * The Internet checksum (RFC 1071).
 *
 * @param parts Bytes; all but the last part have an even number.
 * @returns The checksum, 16 bits.
 */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const bytes of parts) {
    for (let i = 0; i < bytes.length; i += 2) sum += bytes[i] << 8 | (bytes[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return ~sum & 0xffff;
}

/**
 * Makes a header.
 *
 * @param size Its size in bytes.
 * @param fill Fills it.
 * @returns Its bytes.
 */
export function header(
  size: number,
  fill: (view: DataView, bytes: Uint8Array) => void,
): Uint8Array {
  const bytes = new Uint8Array(size);
  fill(new DataView(bytes.buffer), bytes);
  return bytes;
}

/**
 * The checksum of a layer over IP, with the pseudo header.
 *
 * @param around The layers around it.
 * @param protocol Its protocol number.
 * @param head Its header, the checksum zero.
 * @returns The checksum; 0 outside of IP.
 */
export function transportChecksum(
  { addresses, payload }: Surroundings,
  protocol: number,
  head: Uint8Array,
): number {
  if (addresses === null) return 0;
  const length = head.length + payload.length;
  const pseudo = header(8, (view) => {
    view.setUint32(0, length);
    view.setUint32(4, protocol);
  });
  return internetChecksum(addresses, pseudo, head, payload);
}
