/**
 * What the verifier's log says: statistics, and for a rejection where and why.
 *
 * @module
 */

/** Statistics of a verification. */
export interface VerifierStatistics {
  /** Instructions that it walked over. */
  readonly processed: number;
  /** States that it kept, in all. */
  readonly totalStates: number;
  /** States that it kept at most at once. */
  readonly peakStates: number;
  /** Time in microseconds; 0 if the log does not say. */
  readonly time: number;
  /** Stack in bytes of the program and of each subprogram. */
  readonly stack: readonly number[];
}

/** Where a verification failed. Slots count 8 bytes from the start of the program as linked. */
export interface VerifierFailure {
  /** Slot of the failing instruction; -1 if the log does not say. */
  readonly pc: number;
  /** Its text as the kernel prints it; empty if the log does not say. */
  readonly instruction: string;
  /** Text of its source line; empty without line_info. */
  readonly source: string;
  /** File and number of the line, such as `prog.c:17`; empty if the log does not say. */
  readonly location: string;
  /** What the verifier objects to. */
  readonly reason: string;
  /** The way to it: ranges of slots, the last one last. */
  readonly path: readonly { readonly first: number; readonly last: number }[];
}

const STATISTICS =
  /^processed (\d+) insns .*total_states (\d+) peak_states (\d+)|^verification time (\d+) usec|^stack depth ([\d+]+)/gm;

/**
 * Reads the statistics.
 *
 * @param log The log.
 * @returns What it says; zeros for what it does not.
 */
export function parseStatistics(log: string): VerifierStatistics {
  let processed = 0, totalStates = 0, peakStates = 0, time = 0;
  let stack: number[] = [];
  for (const [, insns, total, peak, microseconds, depths] of log.matchAll(STATISTICS)) {
    if (insns !== undefined) {
      [processed, totalStates, peakStates] = [Number(insns), Number(total), Number(peak)];
    } else if (microseconds !== undefined) time = Number(microseconds);
    else stack = depths.split("+").map(Number);
  }
  return { processed, totalStates, peakStates, time, stack };
}

/** `17: (61) r2 = *(u32 *)(r1 +100)`; states of registers follow a semicolon or, after jumps, nothing. */
const INSTRUCTION =
  /^(\d+): \([0-9a-f]{2}\) ([^;]*?)\s*(?:;.*|\d+: (?:R\d|frame).*|(BPF program is too large.*))?$/;

/** What a loader puts in place of an instruction that it could not relocate. */
const POISONED = /^(\d+): (<invalid .*>)$/;

/** A line about registers, flow or marks, which says nothing of a failure. */
const STATE =
  /^(?:\d+: (?:R\d|frame)|from \d+ to |mark_precise|propagating|last_idx|first_idx|regs=|parent |caller|callee|returning|R\d+=|R\d+_w|frame\d+:|arg#|func#|(?:cur|old) state:|\s|$)/;

/** Lines of a log that end it. */
const TRAILER = /^(?:processed \d|verification time|stack depth)/;

/** A failure that is found at another instruction than the last of the log. */
const PLACED = /^infinite loop detected at insn (\d+)/;

/** `text @ file:line`. */
const SOURCE = /^(.*?)(?: @ ([^@\s]+:\d+))?$/;

/** Adds a slot to a path of ranges. */
function extend(path: { first: number; last: number }[], pc: number): void {
  const range = path.at(-1);
  // The second slot of an lddw is never printed.
  if (range !== undefined && pc > range.last && pc <= range.last + 2) range.last = pc;
  else path.push({ first: pc, last: pc });
}

/** Where the verifier is while its log is read. */
class LogReader {
  readonly path: { first: number; last: number }[] = [];
  readonly texts = new Map<number, string>();
  pc = -1;
  source = "";
  reason: string[] = [];
  #pending = "";

  /** Takes the next line. */
  read(line: string): void {
    if (TRAILER.test(line)) return;
    const match = INSTRUCTION.exec(line) ?? POISONED.exec(line);
    if (match !== null) this.#step(Number(match[1]), match[2].trim(), match[3] ?? "");
    else if (line.startsWith("; ")) this.#pending = line.slice(2).trim();
    else if (!STATE.test(line)) this.reason.push(line.trim());
  }

  #step(pc: number, text: string, reason: string): void {
    this.pc = pc;
    this.texts.set(pc, text);
    if (this.#pending !== "") this.source = this.#pending;
    this.#pending = "";
    this.reason = reason === "" ? [] : [reason];
    extend(this.path, pc);
  }
}

/**
 * Reads why a program was refused from a log of level 1.
 *
 * @param log The log.
 * @returns Where and why.
 */
export function parseFailure(log: string): VerifierFailure {
  const reader = new LogReader();
  for (const line of log.split("\n")) reader.read(line);
  const { path, texts, reason } = reader;
  const placed = PLACED.exec(reason[0] ?? "");
  const pc = placed === null ? reader.pc : Number(placed[1]);
  const [, source, location = ""] = SOURCE.exec(reader.source.replace(/\s+/g, " "))!;
  return {
    pc,
    instruction: texts.get(pc) ?? "",
    source,
    location,
    reason: reason.join("; "),
    path,
  };
}
