/**
 * What `epass run` prints of results.
 *
 * @module
 */

import type { RunResult, SourcedFault } from "../vm/vm.ts";
import { verdictName } from "../vm/verdict_names.ts";
import { columns } from "./columns.ts";
import { jsonText } from "./context.ts";

/** How long runs took. */
export interface Timing {
  /** How many there were. */
  readonly runs: number;
  /** All together. */
  readonly milliseconds: number;
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

const hexBytes = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

const nanoseconds = ({ runs, milliseconds }: Timing): number =>
  Math.round(milliseconds * 1e6 / runs);

/** `XDP_PASS`, or the value where it has no name. */
function verdictText(type: string, returnValue: bigint): string {
  return verdictName(type, returnValue)?.name ?? hex(returnValue);
}

function faultJson({ kind, pc, message, source }: SourcedFault): object {
  return {
    kind,
    pc,
    message,
    source: source === null ? undefined : { file: source.file, line: source.line },
  };
}

/** What `--json` prints of one run; what only programs with a context have is left out for others. */
function plainResult(type: string, result: RunResult): object {
  const { returnValue, instructionCount, fault, packet, printk, redirects, output } = result;
  const own = {
    returnValue: hex(returnValue),
    instructionCount,
    fault: fault === null ? null : faultJson(fault),
  };
  if (type === "") return printk.length === 0 ? own : { ...own, printk };
  return {
    ...own,
    verdict: fault === null ? verdictName(type, returnValue)?.name ?? null : null,
    packet: packet === null ? null : hexBytes(packet),
    printk,
    redirects: redirects.map(({ helper, ifindex, map, key }) => ({ helper, ifindex, map, key })),
    output: output.map(({ map, data }) => ({ map, data: hexBytes(data) })),
  };
}

/** Lines on what a run left behind, besides its verdict. */
function traces({ printk, redirects, output }: RunResult): string[] {
  return [
    ...printk.map((line) => `printk: ${line}`),
    ...redirects.map(({ helper, ifindex, map, key }) =>
      `${helper}: ${map === "" ? `interface ${ifindex}` : `element ${key} of ${map}`}`
    ),
    ...output.map(({ map, data }) => `${map}: ${data.length} bytes ${hexBytes(data)}`),
  ];
}

const lines = (texts: readonly string[]): string => texts.map((text) => `${text}\n`).join("");

/**
 * One run as text.
 *
 * @param type Program type; empty for a raw program.
 * @param result How it ended.
 * @param timing How long it took.
 * @param before The packet before it; undefined without one.
 * @returns The text; of a fault only what the run left behind.
 */
export function resultText(
  type: string,
  result: RunResult,
  timing: Timing,
  before: Uint8Array | undefined,
): string {
  const { returnValue, instructionCount, fault, packet } = result;
  const texts = traces(result);
  if (fault === null) {
    const verdict = verdictText(type, returnValue);
    texts.unshift(`${verdict} after ${instructionCount} instructions`);
    const changed = packet !== null && before !== undefined &&
      hexBytes(packet) !== hexBytes(before);
    if (changed) texts.push(`packet: ${packet.length} bytes ${hexBytes(packet)}`);
  }
  if (timing.runs > 1) texts.push(`${timing.runs} runs, ${nanoseconds(timing)} ns each`);
  return lines(texts);
}

/**
 * One run as JSON.
 *
 * @param type Program type; empty for a raw program.
 * @param result How it ended.
 * @param timing How long it took.
 * @param maps What is in the maps; undefined to leave them out.
 * @returns The JSON.
 */
export function resultJson(
  type: string,
  result: RunResult,
  timing: Timing,
  maps: object | undefined,
): string {
  const nanosecondsPerRun = timing.runs > 1 ? nanoseconds(timing) : undefined;
  return jsonText({ ...plainResult(type, result), nanosecondsPerRun, maps });
}

/**
 * Runs on the packets of a capture file as text: a line each, and how many had which verdict.
 *
 * @param type Program type.
 * @param results How each ended.
 * @returns The text.
 */
export function packetsText(type: string, results: readonly RunResult[]): string {
  const counts = new Map<string, number>();
  const rows = results.map((result, i) => {
    const { fault, returnValue, instructionCount } = result;
    const verdict = fault === null ? verdictText(type, returnValue) : `fault: ${fault.kind}`;
    counts.set(verdict, (counts.get(verdict) ?? 0) + 1);
    return [String(i + 1), verdict, `${instructionCount} instructions`, traces(result).join("; ")];
  });
  const summary = [...counts].map(([verdict, count]) => `${count} ${verdict}`).join(", ");
  return lines([...columns(rows), `${results.length} packets: ${summary}`]);
}

/**
 * Runs on the packets of a capture file as JSON.
 *
 * @param type Program type.
 * @param results How each ended.
 * @param maps What is in the maps; undefined to leave them out.
 * @returns The JSON.
 */
export function packetsJson(
  type: string,
  results: readonly RunResult[],
  maps: object | undefined,
): string {
  return jsonText({ results: results.map((result) => plainResult(type, result)), maps });
}
