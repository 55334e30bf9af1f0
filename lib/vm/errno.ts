/**
 * Error numbers of Linux, as helpers and maps return them negated (asm-generic/errno.h, linux/errno.h).
 *
 * @module
 */

/** Error numbers by name. */
// deno-fmt-ignore
export const ERRNO = {
  EPERM: 1, ENOENT: 2, ESRCH: 3, EINTR: 4, EIO: 5, ENXIO: 6, E2BIG: 7, EBADF: 9, EAGAIN: 11,
  ENOMEM: 12, EACCES: 13, EFAULT: 14, EBUSY: 16, EEXIST: 17, ENODEV: 19, EINVAL: 22, ENOSPC: 28,
  EDOM: 33, ERANGE: 34, EDEADLK: 35, ENAMETOOLONG: 36, ENOMSG: 42, ENODATA: 61, EPROTO: 71, EBADMSG: 74,
  EOVERFLOW: 75, EMSGSIZE: 90, EPROTONOSUPPORT: 93, ESOCKTNOSUPPORT: 94, EOPNOTSUPP: 95, EAFNOSUPPORT: 97,
  ENETUNREACH: 101, ETIMEDOUT: 110, EALREADY: 114, ENOTSUPP: 524,
} as const;

/** Name of an error number. */
export type ErrnoName = keyof typeof ERRNO;

const NAMES = new Map<number, string>(Object.entries(ERRNO).map(([name, value]) => [value, name]));

/**
 * Names an error number.
 *
 * @param status An error number, negated or not.
 * @returns Its name, or `error N`.
 */
export function errnoText(status: number): string {
  const value = Math.abs(status);
  return NAMES.get(value) ?? `error ${value}`;
}
