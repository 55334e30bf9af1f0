/**
 * The layers over IP: TCP, UDP, ICMP.
 *
 * @module
 */

import { concatBytes } from "../bytes.ts";
import { EpassError } from "../errors.ts";
import { header, internetChecksum, type Layer, transportChecksum } from "./layers.ts";

/** A flag of TCP. */
export type TcpFlag = "fin" | "syn" | "rst" | "psh" | "ack" | "urg" | "ece" | "cwr";

/** The flags of TCP by bit, the lowest first. */
const TCP_FLAGS: readonly TcpFlag[] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

/** A TCP header. */
export interface TcpFields {
  /** Source port, 40000 by default. */
  readonly sourcePort?: number;
  /** Destination port, 80 by default. */
  readonly destinationPort?: number;
  /** Sequence number, 0 by default. */
  readonly sequence?: number;
  /** Acknowledgment number, 0 by default. */
  readonly acknowledgment?: number;
  /** Flags, none by default. */
  readonly flags?: readonly TcpFlag[];
  /** Window, 65535 by default. */
  readonly window?: number;
  /** Options, a multiple of 4 bytes. */
  readonly options?: Uint8Array;
  /** Checksum; by default the right one. */
  readonly checksum?: number;
}

/**
 * A TCP header.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function tcp(fields: TcpFields = {}): Layer {
  const { options = new Uint8Array(0), flags = [] } = fields;
  if (options.length % 4 !== 0 || options.length > 40) {
    throw new EpassError(`cannot build a TCP header: ${options.length} bytes of options`);
  }
  return {
    kind: "tcp",
    encode: (around) => {
      const size = 20 + options.length;
      const head = header(size, (view, bytes) => {
        view.setUint16(0, fields.sourcePort ?? 40_000);
        view.setUint16(2, fields.destinationPort ?? 80);
        view.setUint32(4, fields.sequence ?? 0);
        view.setUint32(8, fields.acknowledgment ?? 0);
        view.setUint8(12, size / 4 << 4);
        view.setUint8(13, flags.reduce((bits, flag) => bits | 1 << TCP_FLAGS.indexOf(flag), 0));
        view.setUint16(14, fields.window ?? 0xffff);
        bytes.set(options, 20);
        view.setUint16(16, fields.checksum ?? transportChecksum(around, 6, bytes));
      });
      return concatBytes([head, around.payload]);
    },
  };
}

/** A UDP header. */
export interface UdpFields {
  /** Source port, 40000 by default. */
  readonly sourcePort?: number;
  /** Destination port, 53 by default. */
  readonly destinationPort?: number;
  /** Checksum; by default the right one. */
  readonly checksum?: number;
}

/**
 * A UDP header.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function udp(fields: UdpFields = {}): Layer {
  return {
    kind: "udp",
    encode: (around) => {
      const head = header(8, (view, bytes) => {
        view.setUint16(0, fields.sourcePort ?? 40_000);
        view.setUint16(2, fields.destinationPort ?? 53);
        view.setUint16(4, 8 + around.payload.length);
        // A checksum of 0 would mean that there is none.
        view.setUint16(6, fields.checksum ?? (transportChecksum(around, 17, bytes) || 0xffff));
      });
      return concatBytes([head, around.payload]);
    },
  };
}

/** An ICMP header, of IPv4 or IPv6. */
export interface IcmpFields {
  /** Type, by default an echo request. */
  readonly type?: number;
  /** Code, 0 by default. */
  readonly code?: number;
  /** Identifier of an echo, 1 by default. */
  readonly id?: number;
  /** Sequence number of an echo, 1 by default. */
  readonly sequence?: number;
}

function icmpHeader(fields: IcmpFields, echo: number): Uint8Array {
  return header(8, (view) => {
    view.setUint8(0, fields.type ?? echo);
    view.setUint8(1, fields.code ?? 0);
    view.setUint16(4, fields.id ?? 1);
    view.setUint16(6, fields.sequence ?? 1);
  });
}

/**
 * An ICMP header of IPv4.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function icmp(fields: IcmpFields = {}): Layer {
  return {
    kind: "icmp",
    encode: ({ payload }) => {
      const head = icmpHeader(fields, 8);
      new DataView(head.buffer).setUint16(2, internetChecksum(head, payload));
      return concatBytes([head, payload]);
    },
  };
}

/**
 * An ICMP header of IPv6.
 *
 * @param fields Its fields.
 * @returns The layer.
 */
export function icmpv6(fields: IcmpFields = {}): Layer {
  return {
    kind: "icmpv6",
    encode: (around) => {
      const head = icmpHeader(fields, 128);
      new DataView(head.buffer).setUint16(2, transportChecksum(around, 58, head));
      return concatBytes([head, around.payload]);
    },
  };
}
