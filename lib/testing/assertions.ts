/**
 * Assertions about runs, with messages that tell what the program did instead.
 *
 * @module
 */

import { equalBytes } from "../bytes.ts";
import type { Redirect } from "../vm/records.ts";
import type { RunResult } from "../vm/run_result.ts";
import { describePacket } from "./describe_packet.ts";

/** An expectation about a run does not hold. */
export class AssertionError extends Error {
  /** Name of the class. */
  override name = "AssertionError";
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

/** What a run left behind, as lines under a message. */
function evidence({ printk, output, redirects }: RunResult): string[] {
  return [
    ...printk.map((line) => `printk: ${line}`),
    ...redirects.map(({ helper }) => `it called ${helper}`),
    ...output.map(({ map, data }) => `it sent ${data.length} bytes to ${map}`),
  ];
}

function fail(result: RunResult, message: string, details: readonly string[] = []): never {
  throw new AssertionError(
    [message, ...[...details, ...evidence(result)].map((line) => `  ${line}`)].join("\n"),
  );
}

/** What a run ended with, in words. */
function ending({ returnValue, verdict, fault, instructionCount }: RunResult): string {
  if (fault !== null) return `the program faulted: ${fault.message}`;
  return `the program returned ${
    verdict ?? hex(returnValue)
  } after ${instructionCount} instructions`;
}

/** Where a run faulted, as lines. */
function faultPlace({ fault }: RunResult): string[] {
  if (fault === null) return [];
  const { source, function: name, section, pc } = fault;
  const place = `in ${name === "" ? section : name}, instruction at slot ${pc}`;
  if (source === null) return [place];
  return [place, `${source.file}:${source.line}: ${source.text}`];
}

/**
 * Asserts that a program returned.
 *
 * @param result How it ended.
 * @throws {AssertionError} If it faulted; the message says where, with the source line.
 */
export function assertReturned(result: RunResult): void {
  if (result.fault !== null) fail(result, ending(result), faultPlace(result));
}

/**
 * Asserts what a program returned.
 *
 * @param result How it ended.
 * @param expected The name of the verdict, such as `XDP_DROP`, or the value.
 * @throws {AssertionError} If it returned something else, or faulted.
 */
export function assertVerdict(result: RunResult, expected: string | number | bigint): void {
  assertReturned(result);
  const { verdict, returnValue } = result;
  const holds = typeof expected === "string"
    ? verdict === expected
    : BigInt.asUintN(32, returnValue) === BigInt.asUintN(32, BigInt(expected));
  if (!holds) fail(result, `expected ${expected}: ${ending(result)}`);
}

/** The lines of two packets, with `-` before what was expected and `+` before what came. */
function packetDifference(expected: Uint8Array, actual: Uint8Array): string[] {
  const [wanted, found] = [describePacket(expected), describePacket(actual)];
  const lines: string[] = [];
  for (let i = 0; i < Math.max(wanted.length, found.length); i++) {
    if (wanted[i] === found[i]) lines.push(`  ${wanted[i]}`);
    else {
      if (wanted[i] !== undefined) lines.push(`- ${wanted[i]}`);
      if (found[i] !== undefined) lines.push(`+ ${found[i]}`);
    }
  }
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  const first = at < 0 ? Math.min(expected.length, actual.length) : at;
  return [`they differ from byte ${first} on`, ...lines];
}

/**
 * Asserts how a program left its packet.
 *
 * @param result How it ended.
 * @param expected The packet.
 * @throws {AssertionError} If the packet differs; the message shows the layers of both.
 */
export function assertPacket(result: RunResult, expected: Uint8Array): void {
  assertReturned(result);
  const { packet } = result;
  if (packet === null) fail(result, "expected a packet: the program has none");
  if (equalBytes(packet, expected)) return;
  fail(result, "expected another packet:", packetDifference(expected, packet));
}

/**
 * Asserts that a program printed a line.
 *
 * @param result How it ended.
 * @param expected The line, or a pattern that matches it.
 * @throws {AssertionError} If no line matches.
 */
export function assertPrinted(result: RunResult, expected: string | RegExp): void {
  const matches = (line: string): boolean =>
    typeof expected === "string" ? line === expected : expected.test(line);
  if (!result.printk.some(matches)) {
    fail(result, `expected the program to print ${expected}: it printed`, result.printk);
  }
}

/**
 * Asserts that a program sent its packet elsewhere.
 *
 * @param result How it ended.
 * @param expected What must hold of the redirect: its interface, or its map and key.
 * @throws {AssertionError} If there is no such redirect.
 */
export function assertRedirected(result: RunResult, expected: Partial<Redirect>): void {
  const wanted = Object.entries(expected);
  const matches = (redirect: Redirect): boolean =>
    wanted.every(([name, value]) => redirect[name as keyof Redirect] === value);
  if (result.redirects.some(matches)) return;
  const told = (values: readonly (readonly [string, unknown])[]): string =>
    values.map(([name, value]) => `${name} ${value}`).join(", ");
  const found = result.redirects.map((redirect) => told(Object.entries(redirect)));
  fail(
    result,
    `expected a redirect to ${told(wanted)}: there ${found.length === 0 ? "is none" : "are"}`,
    found,
  );
}
