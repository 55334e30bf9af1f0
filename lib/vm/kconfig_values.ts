/**
 * The values of the kernel's configuration that a program finds: those that the caller gives, and what follows from the
 * sandbox itself.
 *
 * @module
 */

/** Values unless the caller says otherwise. */
const DEFAULTS: Readonly<Record<string, bigint | string>> = {
  // KERNEL_VERSION(6, 18, 0)
  LINUX_KERNEL_VERSION: 0x06_12_00n,
  LINUX_HAS_BPF_COOKIE: 1n,
  LINUX_HAS_SYSCALL_WRAPPER: 1n,
  CONFIG_HZ: 250n,
};

/**
 * Finds values of the kernel's configuration.
 *
 * @param given Values by name: numbers, texts, or `y`, `n` and `m`.
 * @returns Gives a value by its name; null for what nobody gives.
 */
export function kconfigValues(
  given: Readonly<Record<string, bigint | string>>,
): (name: string) => bigint | string | null {
  const tables = [given, DEFAULTS];
  return (name) => tables.find((table) => Object.hasOwn(table, name))?.[name] ?? null;
}
