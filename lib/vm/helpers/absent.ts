/**
 * Helpers and kfuncs that ask for objects of the kernel which a sandbox never has: memory areas, paths, tracked connections,
 * ciphers. They say so as the kernel does where there are none.
 *
 * @module
 */

import { ERRNO } from "../errno.ts";
import { failure, type HelperBodies, type HelperFactory, result, u32, u64 } from "./body.ts";

/** Offsets in `struct bpf_ct_opts`, and the sizes that it may have. */
const CT_ERROR = 4, CT_PROTOCOL = 8;
const CT_OPTIONS_SIZES: readonly number[] = [12, 16];
/** Bytes of the address tuples of IPv4 and IPv6 in `struct bpf_sock_tuple`. */
const TUPLE_SIZES: readonly number[] = [12, 36];
const IPPROTO = { tcp: 6, udp: 17 } as const;

const findArea: HelperFactory = () => (_context, _r1, _r2, _r3, _r4, r5) =>
  failure(u64(r5) === 0n ? "ENOENT" : "EINVAL");

const findPath: HelperFactory = ({ memory }) => (_context, _r1, r2, r3) => {
  const size = u32(r3);
  memory.slice(r2, size, true);
  return size === 0 ? 0n : failure("ENOENT");
};

/** Why a look-up of a connection fails: because of its options or tuple, or as there is none. */
function connectionError(protocol: number, tupleSize: number, optionsSize: number): number {
  if (!CT_OPTIONS_SIZES.includes(optionsSize)) return ERRNO.EINVAL;
  if (protocol !== IPPROTO.tcp && protocol !== IPPROTO.udp) return ERRNO.EPROTO;
  return TUPLE_SIZES.includes(tupleSize) ? ERRNO.ENOENT : ERRNO.EAFNOSUPPORT;
}

/** No connection is tracked. */
const findConnection: HelperFactory = ({ memory }) => (_context, _r1, _r2, r3, r4, r5) => {
  const options = memory.slice(r4, u32(r5), true);
  if (options.length < CT_ERROR + 4) return 0n;
  const error = connectionError(options[CT_PROTOCOL], u32(r3), options.length);
  memory.store(r4 + BigInt(CT_ERROR), 4, result(-error));
  return 0n;
};

/** No cipher has the name, but there are ciphers. */
const findCipher: HelperFactory = ({ memory }) => (_context, _r1, _r2, r3) => {
  memory.store(r3, 4, result(-ERRNO.EOPNOTSUPP));
  return 0n;
};

const fails: HelperFactory = () => () => failure("EINVAL");
const nothing: HelperFactory = () => () => 0n;

/** Helpers that find nothing. */
export const ABSENT_HELPERS: HelperBodies = { find_vma: findArea, d_path: findPath };

/** Kfuncs that find nothing. */
export const ABSENT_KFUNCS: HelperBodies = {
  bpf_skb_ct_lookup: findConnection,
  bpf_xdp_ct_lookup: findConnection,
  bpf_ct_release: nothing,
  bpf_crypto_ctx_create: findCipher,
  bpf_crypto_ctx_acquire: nothing,
  bpf_crypto_ctx_release: nothing,
  bpf_crypto_encrypt: fails,
  bpf_crypto_decrypt: fails,
};
