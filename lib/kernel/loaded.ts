/**
 * A program in the kernel.
 *
 * @module
 */

/** A map of a loaded program. Sizes are in bytes. */
export interface LoadedMap {
  /** Its name. */
  readonly name: string;
  /** Its file descriptor. */
  readonly fd: number;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
  /** Size of a key. */
  readonly keySize: number;
  /** Size of a value. */
  readonly valueSize: number;
  /** Capacity. */
  readonly maxEntries: number;
}

/** A program that the kernel took; it and its maps live until it is closed. */
export interface LoadedProgram {
  /** Its file descriptor. */
  readonly fd: number;
  /** Its maps. */
  readonly maps: readonly LoadedMap[];
  /** Closes all that was opened for it. */
  close(): void;
}
