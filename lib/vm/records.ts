/**
 * What a program leaves behind besides its return value: what it printed, sent and asked the kernel to do. Each log is
 * bounded in entries and bytes, as a hostile program can call a helper without end; what does not fit is counted.
 *
 * @module
 */

/** A log that stops growing. */
export class BoundedLog<T> {
  readonly #entries: T[] = [];
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #bytes = 0;
  /** Entries that did not fit. */
  dropped = 0;

  /**
   * Makes an empty log.
   *
   * @param maxEntries The most entries that it keeps.
   * @param maxBytes The most bytes that its entries have together.
   */
  constructor(maxEntries: number, maxBytes: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  /** What was logged, oldest first. */
  get entries(): readonly T[] {
    return this.#entries;
  }

  /**
   * Whether an entry would fit; asked before one is copied out of guest memory.
   *
   * @param size Its size in bytes.
   * @returns True if {@link push} would keep it.
   */
  hasRoom(size: number): boolean {
    return this.#entries.length < this.#maxEntries && this.#bytes + size <= this.#maxBytes;
  }

  /**
   * Adds an entry if it fits, and counts it as dropped otherwise.
   *
   * @param entry The entry.
   * @param size Its size in bytes.
   * @returns Whether it was kept.
   */
  push(entry: T, size: number): boolean {
    if (!this.hasRoom(size)) {
      this.dropped++;
      return false;
    }
    this.#entries.push(entry);
    this.#bytes += size;
    return true;
  }

  /** Forgets all entries. */
  clear(): void {
    this.#entries.length = 0;
    this.#bytes = 0;
    this.dropped = 0;
  }
}

/** A packet or socket that a program sent elsewhere. */
export interface Redirect {
  /** Name of the helper, such as `redirect_map`. */
  readonly helper: string;
  /** Index of the network interface; 0 if a map decides. */
  readonly ifindex: number;
  /** Name of the map; empty if none. */
  readonly map: string;
  /** Key in the map, an index for most. */
  readonly key: number;
  /** Flags of the call. */
  readonly flags: bigint;
}

/** Bytes that a program sent to user space: a perf event or the entry of a ring buffer. */
export interface OutputRecord {
  /** Name of the helper, such as `perf_event_output`. */
  readonly helper: string;
  /** Name of the map. */
  readonly map: string;
  /** CPU whose buffer it went to. */
  readonly cpu: number;
  /** The bytes, the packet's that were asked for last. */
  readonly data: Uint8Array;
}

/** Something that a program asked the kernel to do, and that a sandbox only notes. */
export interface Action {
  /** Name of the helper or kfunc, such as `send_signal`. */
  readonly name: string;
  /** Its arguments, as numbers. */
  readonly args: readonly bigint[];
}

/** Limits of the logs. */
export interface RecordLimits {
  /** Most entries of each log; by default 65,536. */
  readonly entries?: number | undefined;
  /** Most bytes of each log; by default 16 MiB. */
  readonly bytes?: number | undefined;
}

/** Bytes that an entry without data counts for. */
const ENTRY_SIZE = 64;

/** Everything that programs left behind. */
export class Records {
  /** Lines of `bpf_trace_printk` and its like, without the newline at the end. */
  readonly printk: BoundedLog<string>;
  /** Packets and sockets sent elsewhere. */
  readonly redirects: BoundedLog<Redirect>;
  /** Bytes sent to user space. */
  readonly output: BoundedLog<OutputRecord>;
  /** What was asked of the kernel. */
  readonly actions: BoundedLog<Action>;

  /**
   * Makes empty logs.
   *
   * @param limits The most that each keeps.
   */
  constructor(limits: RecordLimits = {}) {
    const { entries = 65_536, bytes = 1 << 24 } = limits;
    this.printk = new BoundedLog(entries, bytes);
    this.redirects = new BoundedLog(entries, bytes);
    this.output = new BoundedLog(entries, bytes);
    this.actions = new BoundedLog(entries, bytes);
  }

  /** Entries of all logs that did not fit. */
  get dropped(): number {
    const { printk, redirects, output, actions } = this;
    return printk.dropped + redirects.dropped + output.dropped + actions.dropped;
  }

  /**
   * Notes a redirect.
   *
   * @param redirect Where to.
   */
  redirect(redirect: Redirect): void {
    this.redirects.push(redirect, ENTRY_SIZE);
  }

  /**
   * Notes what the kernel was asked to do.
   *
   * @param name Name of the helper or kfunc.
   * @param args Its arguments.
   */
  act(name: string, ...args: readonly bigint[]): void {
    this.actions.push({ name, args }, ENTRY_SIZE);
  }

  /** Forgets everything. */
  clear(): void {
    this.printk.clear();
    this.redirects.clear();
    this.output.clear();
    this.actions.clear();
  }
}
