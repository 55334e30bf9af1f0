/**
 * The clocks of a sandbox. Time passes only when a program looks at it: by a fixed step each time, so that every run with
 * the same start sees the same times.
 *
 * @module
 */

import { STATE } from "../runtime/state_code.ts";
import type { HostState } from "./host_state.ts";

/** Where the clocks start and how fast they run. All times are in nanoseconds. */
export interface ClockOptions {
  /** CLOCK_MONOTONIC at the first reading; by default 1,000 seconds. */
  readonly start?: bigint | undefined;
  /** How far it moves with each reading; by default 1,000. */
  readonly step?: bigint | undefined;
  /** CLOCK_BOOTTIME minus CLOCK_MONOTONIC: time spent suspended; by default 0. */
  readonly suspended?: bigint | undefined;
  /** CLOCK_TAI minus CLOCK_MONOTONIC; by default such that the first reading is on 2025-01-01. */
  readonly tai?: bigint | undefined;
  /** Ticks of jiffies in a second (CONFIG_HZ), 1 to 1,000; by default 250. */
  readonly hz?: number | undefined;
}

const SECOND = 1_000_000_000n;
/** 2025-01-01 in TAI. */
const NEW_YEAR = 1_735_689_637n * SECOND;

/** Clocks that move when they are read. */
export class Clock {
  readonly #state: HostState;
  /** How far it moves with each reading. */
  readonly step: bigint;
  /** CLOCK_BOOTTIME minus CLOCK_MONOTONIC. */
  readonly suspended: bigint;
  /** CLOCK_TAI minus CLOCK_MONOTONIC. */
  readonly tai: bigint;
  /** Time between two ticks. */
  readonly tick: bigint;
  /** Jiffies at 0, such that they soon exceed 32 bits: (u32)(-300 * HZ). */
  readonly firstJiffies: bigint;

  /**
   * Sets the clocks.
   *
   * @param state Where the time is kept.
   * @param options Start and step.
   */
  constructor(state: HostState, options: ClockOptions = {}) {
    this.#state = state;
    this.now = options.start ?? 1000n * SECOND;
    this.step = options.step ?? 1000n;
    this.suspended = options.suspended ?? 0n;
    this.tai = options.tai ?? NEW_YEAR - this.now;
    const hz = Math.min(Math.max(options.hz ?? 250, 1), 1000);
    this.tick = SECOND / BigInt(hz);
    this.firstJiffies = BigInt((-300 * hz) >>> 0);
  }

  /** CLOCK_MONOTONIC at the next reading. */
  get now(): bigint {
    return this.#state.number(STATE.now);
  }

  set now(now: bigint) {
    this.#state.setNumber(STATE.now, now);
  }

  /**
   * Reads CLOCK_MONOTONIC, which then moves on.
   *
   * @returns Nanoseconds.
   */
  read(): bigint {
    const { now } = this;
    this.now = now + this.step;
    return now;
  }

  /**
   * Reads CLOCK_MONOTONIC as of the last tick; the clocks move too.
   *
   * @returns Nanoseconds.
   */
  readCoarse(): bigint {
    return this.read() / this.tick * this.tick;
  }

  /**
   * Reads the counter of ticks, which moves the clocks too.
   *
   * @returns Jiffies, 64 bits.
   */
  jiffies(): bigint {
    return this.firstJiffies + this.read() / this.tick;
  }
}
