/**
 * What the tests of helpers share: programs that only call helpers, run in the sandbox and in the kernel.
 *
 * A program works on the value of an array map. Its first bytes take what the calls return, 8 bytes each; the rest is for
 * the test. A second map is read-only, for formats and strings that the kernel wants constant.
 *
 * @module
 */

import assert from "node:assert/strict";
import { helperByName } from "../../../lib/isa/helpers.ts";
import { Kernel } from "../../../lib/kernel/kernel.ts";
import { buffer } from "../../../lib/kernel/native.ts";
import { loadProgram } from "../../../lib/object/load.ts";
import { type MapFile, parseMapFile } from "../../../lib/object/map_file.ts";
import { type RunResult, Vm, type VmOptions } from "../../../lib/vm/vm.ts";

/** Bytes of the value. */
export const VALUE_SIZE = 4096;
/** Offset in the value of what belongs to the test. */
export const DATA = 256;
/** Bytes of the read-only value. */
const CONSTANT_SIZE = 1024;

/** An argument of a call: a number, the context, or an address in one of the two maps. */
export type Argument =
  | number
  | bigint
  | "context"
  | { readonly value: number }
  | { readonly constant: number }
  | { readonly frame: number }
  | { readonly load: number };

/**
 * A call: the name of a helper without `bpf_`, and its arguments. `store` is none: it stores its second argument at the
 * offset in the data of its first.
 */
export type Call = readonly [name: string, ...args: readonly Argument[]];

/** The address of a byte of the value that belongs to the test. */
export const value = (offset: number): Argument => ({ value: DATA + offset });
/** The address of a byte of the read-only value. */
export const constant = (offset: number): Argument => ({ constant: offset });
/** The address of a byte of the stack, from the frame pointer. */
export const frame = (offset: number): Argument => ({ frame: offset });
/** What a call returned. */
export const returned = (call: number): Argument => ({ load: 8 * call });

/** A program and its data. */
export interface HelperCase {
  /** The calls. */
  readonly calls: readonly Call[];
  /** First bytes of the value from {@link DATA} on. */
  readonly data?: Uint8Array | string | undefined;
  /** First bytes of the read-only value. */
  readonly constants?: Uint8Array | string | undefined;
  /** Program type; by default `sched_cls`. */
  readonly type?: string | undefined;
}

const bytesOf = (data: Uint8Array | string = ""): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : data;

function argumentText(register: number, argument: Argument): string {
  if (argument === "context") return `mov %r${register}, %r9`;
  if (typeof argument !== "object") {
    return `lddw %r${register}, 0x${BigInt.asUintN(64, BigInt(argument)).toString(16)}`;
  }
  if ("value" in argument) return `lddw %r${register}, map_value 0x3 + 0x${hex(argument.value)}`;
  if ("constant" in argument) {
    return `lddw %r${register}, map_value 0x4 + 0x${hex(argument.constant)}`;
  }
  if ("load" in argument) return `ldxdw %r${register}, [%r6+0x${hex(argument.load)}]`;
  return `mov %r${register}, %r10\nadd %r${register}, ${argument.frame}`;
}

const hex = (n: number): string => n.toString(16);

function sourceOf({ calls }: HelperCase): string {
  const lines = ["mov %r9, %r1", "lddw %r6, map_value 0x3 + 0x0"];
  calls.forEach(([name, ...args], i) => {
    if (name === "store") {
      const at = DATA + Number(args[0]);
      lines.push(argumentText(1, args[1]), `stxdw [%r6+0x${hex(at)}], %r1`);
      return;
    }
    args.forEach((argument, j) => lines.push(argumentText(j + 1, argument)));
    lines.push(`call 0x${hex(helperByName(name)!.id)}`, `stxdw [%r6+0x${hex(8 * i)}], %r0`);
  });
  return [...lines, "mov %r0, 0", "exit", ""].join("\n");
}

function fileOf({ data, constants, type = "sched_cls" }: HelperCase): MapFile {
  return parseMapFile(JSON.stringify({
    program: { type, license: "GPL" },
    maps: {
      3: {
        type: "array",
        key: 4,
        value: VALUE_SIZE,
        entries: 1,
        init: { offset: DATA, bytes: [...bytesOf(data)] },
      },
      4: {
        type: "array",
        key: 4,
        value: CONSTANT_SIZE,
        entries: 1,
        flags: ["rdonly_prog"],
        frozen: true,
        init: { offset: 0, bytes: [...bytesOf(constants)] },
      },
    },
  }));
}

/** What a program left. */
export interface HelperOutcome {
  /** What the calls returned, signed. */
  readonly results: readonly bigint[];
  /** The value from {@link DATA} on. */
  readonly data: Uint8Array;
}

function outcomeOf({ calls }: HelperCase, bytes: Uint8Array): HelperOutcome {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return {
    results: calls.map((_, i) => view.getBigInt64(8 * i, true)),
    data: bytes.slice(DATA),
  };
}

/** An outcome of the sandbox. */
export interface SandboxOutcome extends HelperOutcome {
  /** How the run ended. */
  readonly run: RunResult;
}

const INPUT = new Uint8Array(64);

/** Runs a program in the sandbox. */
export function inSandbox(helperCase: HelperCase, options: VmOptions = {}): SandboxOutcome {
  const file = fileOf(helperCase);
  const program = loadProgram(new TextEncoder().encode(sourceOf(helperCase)), { from: "asm" });
  const vm = Vm.loadSync(program, { file, type: file.type, ...options });
  const takesPacket = file.type === "sched_cls" || file.type === "xdp";
  const run = vm.program().run(takesPacket ? { packet: INPUT } : { ctx: INPUT });
  const typed = Object.values(vm.maps).find(({ map }) => map.valueSize === VALUE_SIZE);
  const bytes = typed?.map.read(new Uint8Array(4)) ?? new Uint8Array(VALUE_SIZE);
  assert.ok(typeof bytes === "object");
  return { ...outcomeOf(helperCase, bytes), run };
}

/** Runs a program in the kernel; the verifier's log if it does not take it. */
export function inKernel(kernel: Kernel, helperCase: HelperCase): HelperOutcome | string {
  const file = fileOf(helperCase);
  const program = loadProgram(new TextEncoder().encode(sourceOf(helperCase)), { from: "asm" });
  const { verdict, loaded } = kernel.load(program, program.functions[0], { file });
  if (loaded === null) return `${verdict.reason}\n${verdict.log.slice(-2000)}`;
  try {
    const data = buffer(INPUT.length);
    const plain = file.type === "syscall" || file.type === "raw_tracepoint";
    const result = kernel.bpf.programs.testRun(loaded.fd, {
      data: plain ? null : data,
      context: plain ? data : null,
      repeat: plain ? 0 : 1,
      outputSize: 256,
    });
    assert.ok(typeof result !== "number", `the kernel refuses to run: ${result}`);
    const bytes = buffer(VALUE_SIZE);
    const map = loaded.maps.find(({ valueSize }) => valueSize === VALUE_SIZE)!;
    assert.equal(kernel.bpf.maps.lookup(map.fd, buffer(4), bytes), 0);
    return outcomeOf(helperCase, bytes);
  } finally {
    loaded.close();
  }
}

/**
 * Checks that a program does the same in the sandbox and in the kernel.
 *
 * @param kernel The kernel.
 * @param name What the program does, for messages.
 * @param helperCase The program.
 * @param refusal What the verifier may say instead; the calls then fail in the sandbox.
 * @param options How to load it into the sandbox.
 */
export function assertAsKernel(
  kernel: Kernel,
  name: string,
  helperCase: HelperCase,
  refusal?: RegExp,
  options: VmOptions = {},
): void {
  const { run, results, data } = inSandbox(helperCase, options);
  assert.equal(run.fault, null, name);
  const expected = inKernel(kernel, helperCase);
  if (typeof expected === "string") {
    assert.ok(refusal?.test(expected), `${name}: ${expected}`);
    const failed = (result: bigint, i: number) => result < 0n || helperCase.calls[i][0] === "store";
    assert.ok(results.every(failed), name);
    return;
  }
  assert.deepEqual(results, expected.results, name);
  assert.deepEqual(printable(data), printable(expected.data), name);
}

/** Bytes as text that shows where they differ. */
function printable(bytes: Uint8Array): string {
  const used = bytes.findLastIndex((byte) => byte !== 0) + 1;
  return [...bytes.subarray(0, used)].map((byte) =>
    byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${hex(byte)}`
  ).join("");
}

/** Runs checks with the kernel open. */
export function withKernel(step: (kernel: Kernel) => void): void {
  const kernel = new Kernel();
  try {
    step(kernel);
  } finally {
    kernel.close();
  }
}
