/**
 * `epass run`: a program in the sandbox.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import { EpassError } from "../errors.ts";
import type { Format, Program } from "../object/program.ts";
import { type EngineName, ENGINES } from "../vm/engine.ts";
import type { MemoryLevel } from "../vm/memory.ts";
import type { CapturedPacket } from "../vm/pcap.ts";
import type { ProgramInput, RunResult, Vm, VmOptions, VmProgram } from "../vm/vm.ts";
import {
  bytesArgument,
  type CliContext,
  fromFlag,
  inputArgument,
  jsonFlag,
  naming,
  progFlag,
  readInput,
  utf8,
} from "./context.ts";
import { UsageError } from "./failure.ts";
import { countFlag, countFrom, switchFlag, textFlag } from "./flags.ts";
import type { Host } from "./host.ts";
import { fillMaps, mapContents, mapsJson, mapsText } from "./run_maps.ts";
import { packetsJson, packetsText, resultJson, resultText, type Timing } from "./run_report.ts";
import { TraceText } from "./run_trace.ts";

interface Flags {
  readonly prog?: string;
  readonly from?: Format;
  readonly type?: string;
  readonly packet?: string;
  readonly ctx?: string;
  readonly field?: readonly string[];
  readonly arg?: readonly string[];
  readonly map?: readonly string[];
  readonly maps?: string;
  readonly btf?: string;
  readonly engine: EngineName;
  readonly level: MemoryLevel;
  readonly seed?: number;
  readonly cpus?: number;
  readonly repeat: number;
  readonly limit?: number;
  readonly timeout?: number;
  readonly trace: boolean;
  readonly dumpMaps: boolean;
  readonly out?: string;
  readonly json: boolean;
}

/** Packets to run on, and of which kind they are. */
interface Packets {
  /** LINKTYPE_* of a capture file; null for a single packet. */
  readonly linkType: number | null;
  readonly packets: readonly CapturedPacket[];
}

/** What `--field` and `--arg` take: a number, decimal or hexadecimal. */
function parseNumber(flag: string, text: string): bigint {
  try {
    return text.startsWith("-") ? -BigInt(text.slice(1)) : BigInt(text);
  } catch {
    throw new UsageError(`cannot read ${flag} ${text}: expected a number`);
  }
}

function parseFields(fields: readonly string[]): { [name: string]: bigint } {
  return Object.fromEntries(fields.map((text) => {
    const [name, value] = text.split("=");
    if (value === undefined) {
      throw new UsageError(`cannot read --field ${text}: expected NAME=NUMBER`);
    }
    return [name, parseNumber("--field", value)];
  }));
}

async function readPackets(host: Host, value: string): Promise<Packets> {
  const { readPcap } = await import("./library.ts");
  const bytes = await bytesArgument(host, "--packet", value);
  const capture = naming(value, () => readPcap(bytes));
  if (capture !== null) return capture;
  return { linkType: null, packets: [{ data: bytes, time: 0n, length: bytes.length }] };
}

/** How the command line says to load the program. */
async function loadOptions(host: Host, flags: Flags, program: Program): Promise<VmOptions> {
  const { btfOf, parseMapFile } = await import("./library.ts");
  const { prog, type, engine, level, seed, cpus, limit, timeout, btf, maps } = flags;
  const types = btf === undefined ? undefined : await host.read(btf);
  const file = maps === undefined ? undefined : await host.read(maps);
  return {
    engine,
    metering: "exact",
    level,
    type,
    seed,
    cpus,
    limit,
    timeoutMs: timeout,
    programs: program.elf === null || prog === undefined ? undefined : [prog],
    btf: types === undefined ? undefined : naming(btf!, () => btfOf(types)),
    file: file === undefined
      ? undefined
      : naming(maps!, () => parseMapFile(new TextDecoder().decode(file))),
  };
}

/** Runs the program as often as asked; the last run counts. */
function repeated(run: () => RunResult, times: number): { result: RunResult; timing: Timing } {
  const start = performance.now();
  let result = run();
  for (let i = 1; i < times && result.fault === null; i++) result = run();
  return { result, timing: { runs: times, milliseconds: performance.now() - start } };
}

function faultError(input: string, { fault }: RunResult): EpassError {
  const { section, pc, message, source } = fault!;
  const where = source === null ? "" : ` (${source.file.replace(/^.*\//, "")}:${source.line})`;
  return new EpassError(message + where, { input, section, pc, function: fault!.function });
}

/** What the program is run on besides a packet. */
async function commonInput(host: Host, flags: Flags, trace: TraceText): Promise<ProgramInput> {
  return {
    ctx: flags.ctx === undefined ? undefined : await bytesArgument(host, "--ctx", flags.ctx),
    fields: flags.field === undefined ? undefined : parseFields(flags.field),
    args: flags.arg?.map((text) => parseNumber("--arg", text)),
    trace: flags.trace ? (step) => trace.add(step) : undefined,
  };
}

/** The packets of a capture that go on, as the program left them. */
async function passedOn(
  type: string,
  packets: readonly CapturedPacket[],
  results: readonly RunResult[],
): Promise<CapturedPacket[]> {
  const { verdictName } = await import("./library.ts");
  return packets.flatMap(({ data, time, length }, i) => {
    const { fault, packet, returnValue } = results[i];
    const dropped = fault !== null || verdictName(type, returnValue)?.fate === "dropped";
    if (dropped || packet === null) return [];
    return [{ data: packet, time, length: length + packet.length - data.length }];
  });
}

/** A program and what it is run on. */
interface Job {
  readonly vm: Vm;
  readonly program: VmProgram;
  readonly common: ProgramInput;
  readonly packets: Packets | null;
}

/** Runs on each packet of a capture file. */
async function runCapture(
  host: Host,
  flags: Flags,
  { vm, program, common }: Job,
  { linkType, packets }: Packets,
): Promise<{ text: string; results: readonly RunResult[] }> {
  const { writePcap } = await import("./library.ts");
  const results = packets.map(({ data }) =>
    repeated(() => program.run({ ...common, packet: data }), flags.repeat).result
  );
  if (flags.out !== undefined) {
    const passed = await passedOn(program.type, packets, results);
    await host.write(flags.out, writePcap({ linkType: linkType!, packets: passed }));
  }
  const maps = flags.dumpMaps ? await mapContents(vm) : undefined;
  const text = flags.json
    ? packetsJson(program.type, results, maps && mapsJson(maps))
    : packetsText(program.type, results) + mapsText(maps ?? []);
  return { text, results };
}

/** Runs on one packet, or none. */
async function runOnce(
  host: Host,
  flags: Flags,
  { vm, program, common, packets }: Job,
): Promise<{ text: string; results: readonly RunResult[] }> {
  const packet = packets?.packets[0].data;
  const { ctx: context, trace } = common;
  const isRaw = program.type === "";
  const { result, timing } = repeated(
    () =>
      isRaw
        ? vm.run({ function: flags.prog, context, packet, trace })
        : program.run({ ...common, packet }),
    flags.repeat,
  );
  if (flags.out !== undefined && result.packet !== null) {
    await host.write(flags.out, result.packet);
  }
  const maps = flags.dumpMaps ? await mapContents(vm) : undefined;
  const text = flags.json
    ? resultJson(program.type, result, timing, maps && mapsJson(maps))
    : resultText(program.type, result, timing, packet) + mapsText(maps ?? []);
  return { text, results: [result] };
}

async function run(this: CliContext, flags: Flags, input: string): Promise<void> {
  const { host } = this;
  const { Vm } = await import("./library.ts");
  const source = await readInput(host, input, flags.from);
  const options = await loadOptions(host, flags, source);
  const vm = naming(input, () => Vm.loadSync(source, options));
  const program = naming(input, () => vm.program(flags.prog));
  await fillMaps(host, vm, flags.map ?? []);
  const trace = new TraceText();
  const common = await commonInput(host, flags, trace);
  const packets = flags.packet === undefined ? null : await readPackets(host, flags.packet);
  const job = { vm, program, common, packets };
  const { text, results } = packets !== null && packets.linkType !== null
    ? await runCapture(host, flags, job, packets)
    : await runOnce(host, flags, job);
  await host.write("-", utf8(trace.text + text));
  const faulty = results.find(({ fault }) => fault !== null);
  if (faulty !== undefined) throw faultError(input, faulty);
}

const listFlag = (placeholder: string, brief: string) =>
  ({ kind: "parsed", parse: String, variadic: true, optional: true, placeholder, brief }) as const;

/** The subcommand. */
export const runCommand: Command<CliContext> = buildCommand({
  func: run,
  parameters: {
    flags: {
      prog: progFlag,
      from: fromFlag,
      type: textFlag("TYPE", "Program type, such as xdp (by default what the section says)"),
      packet: textFlag("FILE|hex:BYTES", "Packet, or a capture file (pcap) with several"),
      ctx: textFlag(
        "FILE|hex:BYTES",
        "Bytes of the context; of a raw program: r1 is their address, r2 their number",
      ),
      field: listFlag("NAME=N", "Field of the context, such as ingress_ifindex=2"),
      arg: listFlag("N", "Next argument of the function or tracepoint that it is attached to"),
      map: listFlag("NAME=FILE", "JSON with elements to put into a map first"),
      maps: textFlag("FILE", "JSON that tells the program type and the maps of a bare program"),
      btf: textFlag("FILE", "Types to apply CO-RE relocations to, such as /sys/kernel/btf/vmlinux"),
      engine: {
        kind: "enum",
        values: ENGINES,
        default: ENGINES[0],
        brief: "What runs the program",
      },
      level: {
        kind: "enum",
        values: ["sandbox", "strict"],
        default: "sandbox",
        brief: "Accesses stay in the memory of the program, or each in the stack, packet or value",
      },
      cpus: countFlag("N", "How many CPUs per-CPU maps have values for (by default 1)"),
      seed: countFlag("S", "Seed of the random numbers (by default 1)"),
      repeat: countFrom(
        "N",
        "1",
        "How often to run on each packet; the last result is shown, and the time",
      ),
      limit: countFlag("N", "Most instructions to run (by default 100 million)"),
      timeout: countFlag("MS", "Most milliseconds to run (by default as long as it takes)"),
      trace: switchFlag("Print each instruction and the registers that it changes"),
      dumpMaps: switchFlag("Print what is in the maps afterwards"),
      out: textFlag("FILE", "Write the packet afterwards, or a capture file of those that go on"),
      json: jsonFlag,
    },
    positional: inputArgument,
  },
  docs: {
    brief: "Run in the sandbox",
    fullDescription:
      `Runs a program on a packet, fields or arguments, as its type takes them, and prints its verdict or r0, what
it printed and sent, and with --dump-maps what is in its maps. A program without a type takes --ctx. A fault
(an access out of bounds, the limit, an unknown helper) is told on standard error, with status 1.
--map takes [{"key","value"}, ...] or {"KEY": value, ...}, as the BTF of the map types them; bytes are lists of
numbers.
--json prints {"returnValue","instructionCount","fault"} either way; a program with a type has "verdict",
"packet", "printk", "redirects" and "output" besides; a capture file gives {"results":[...]}.`,
  },
});
