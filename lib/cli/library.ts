/**
 * What the subcommands use of the library. They import this file when they run, not before, so that help and usage
 * errors do not wait for the compiler to load.
 *
 * @module
 */

export { compileProgram, convertProgram, liftProgram, passNames, readProgram } from "../compile.ts";
export { compareVersions } from "../equivalence.ts";
export { printFunction, printModule } from "../ir/print.ts";
export { Kernel } from "../kernel/kernel.ts";
export { settleRewrite } from "../kernel/settle.ts";
export { compareTestRuns, testRun } from "../kernel/test_run.ts";
export { isWorse, verifyPrograms } from "../kernel/verify.ts";
export { btfOf } from "../object/btf_file.ts";
export { describe, isSubprogram } from "../object/describe.ts";
export { printProgram } from "../object/listing.ts";
export { parseMapFile } from "../object/map_file.ts";
export { printObjdump } from "../object/objdump.ts";
export { findFunction } from "../object/select.ts";
export { BPF_PIPELINES, PASSES, VM_PIPELINE } from "../passes/pipeline.ts";
export { parsePasses, printPass } from "../passes/selection.ts";
export { readPcap, writePcap } from "../vm/pcap.ts";
export { mapFromJson, mapToJson } from "../vm/typed_json.ts";
export { verdictName } from "../vm/verdict_names.ts";
export { Vm } from "../vm/vm.ts";
