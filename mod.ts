/**
 * epass: a compiler toolkit for eBPF. It reads objects and bytecode, lifts them to SSA, puts them back so that any
 * loader takes them, and runs them in a virtual machine. Bytes in, bytes out: nothing here uses files, the network or
 * anything of the host, so it runs in a browser too.
 *
 * ```ts
 * import { assemble, compileProgram, encode, loadProgram, Vm } from "@epass/epass";
 *
 * const { insns } = assemble("r0 = 6\nr0 *= 7\nexit\n");
 * const program = loadProgram(encode(insns), { from: "raw" });
 *
 * const { bytes } = compileProgram(program);
 * const { returnValue } = Vm.loadSync(loadProgram(bytes, { from: "raw" })).run();
 * console.assert(returnValue === 42n);
 * ```
 *
 * @module
 */

export * from "./lib/bytes.ts";
export * from "./lib/errors.ts";

export * from "./lib/isa/assemble.ts";
export * from "./lib/isa/codec.ts";
export * from "./lib/isa/disassemble.ts";
export * from "./lib/isa/helpers.ts";
export * from "./lib/isa/instruction.ts";
export * from "./lib/isa/ops.ts";

export * from "./lib/object/btf.ts";
export { BTF_KINDS, type BtfKind } from "./lib/object/btf_encoding.ts";
export * from "./lib/object/btf_file.ts";
export * from "./lib/object/btf_ext.ts";
export * from "./lib/object/describe.ts";
export * from "./lib/object/elf.ts";
export * from "./lib/object/elf_object.ts";
export * from "./lib/object/listing.ts";
export * from "./lib/object/load.ts";
export * from "./lib/object/program.ts";
export * from "./lib/object/objdump.ts";
export * from "./lib/object/rewrite.ts";
export type { MapPlan, MapSizes } from "./lib/object/map_plan.ts";
export { type MapFile, parseMapFile, type StreamMap } from "./lib/object/map_file.ts";
export type { SourceLine } from "./lib/object/source_line.ts";
export type { Rewritten } from "./lib/object/rewrite_elf.ts";
export * from "./lib/object/string_table.ts";
export type { MapStyle } from "./lib/object/maps.ts";
export * from "./lib/object/select.ts";
export * from "./lib/object/write.ts";

export * from "./lib/ir/builder.ts";
export * from "./lib/ir/cfg.ts";
export * from "./lib/ir/check.ts";
export * from "./lib/ir/dominators.ts";
export * from "./lib/ir/function.ts";
export * from "./lib/ir/loops.ts";
export * from "./lib/ir/module.ts";
export * from "./lib/ir/parse.ts";
export * from "./lib/ir/print.ts";

export type {
  Pass,
  PassContext,
  PassEnvironment,
  PassOption,
  PassTarget,
} from "./lib/passes/pass.ts";
export type { Level } from "./lib/passes/pipeline.ts";
export type { PassObserver } from "./lib/passes/run.ts";
export type { PassUse } from "./lib/passes/selection.ts";

export type { Metering } from "./lib/targets/wasm/unit.ts";

export { type EngineName, ENGINES } from "./lib/vm/engine.ts";
export type { SymbolRequest, SymbolResolver } from "./lib/vm/code.ts";
export type { ClockOptions } from "./lib/vm/clock.ts";
export type { ContextInput, NamedValues } from "./lib/vm/contexts/context.ts";
export {
  type Pointed,
  type PointedInput,
  type PointedValue,
  type PointedValues,
  PointerTo,
  pointerTo,
} from "./lib/vm/contexts/pointers.ts";
export type { TracedMachine } from "./lib/vm/contexts/registers.ts";
export { CONTEXT_TYPES } from "./lib/vm/contexts/registry.ts";
export type { SysctlInput } from "./lib/vm/contexts/sysctl.ts";
export type { EnvironmentOptions, TaskIdentity } from "./lib/vm/environment.ts";
export * from "./lib/vm/fault.ts";
export type { Outcome } from "./lib/vm/interpreter.ts";
export { MissingHelpersError, type SandboxOptions, type SandboxProgram } from "./lib/vm/load.ts";
export type { Helper, HelperContext } from "./lib/vm/machine.ts";
export type { CalledFunction } from "./lib/vm/helpers/registry.ts";
export type { GuestMap, Visitor } from "./lib/vm/maps/map.ts";
export * from "./lib/vm/memory.ts";
export * from "./lib/vm/pcap.ts";
export type * from "./lib/vm/providers.ts";
export type { Action, OutputRecord, RecordLimits, Redirect } from "./lib/vm/records.ts";
export type { VariableValue } from "./lib/vm/symbols.ts";
export type { TraceStep } from "./lib/vm/trace.ts";
export type {
  ParameterType,
  ParameterTypes,
  TypedArguments,
  TypedBody,
  TypedResult,
} from "./lib/vm/typed_helper.ts";
export * from "./lib/vm/typed_json.ts";
export type { TypedValue } from "./lib/vm/typed_layout.ts";
export { MapError, type TypedMap } from "./lib/vm/typed_map.ts";
export * from "./lib/vm/verdict_names.ts";
export * from "./lib/vm/vm.ts";

export * from "./lib/compile.ts";
export * from "./lib/equivalence.ts";
