/**
 * The system's libbpf, the loader that most users of objects have: objects from memory, programs one at a time.
 *
 * @module
 */

import { EpassError } from "../errors.ts";
import type { MapSizes } from "../object/map_plan.ts";
import type { LogRequest } from "./bpf_programs.ts";
import { buffer, cText, type Native, openLibrary } from "./native.ts";

const LIBBPF = {
  bpf_object__open_mem: { parameters: ["buffer", "usize", "buffer"], result: "u64" },
  bpf_object__close: { parameters: ["u64"], result: "void" },
  bpf_object__load: { parameters: ["u64"], result: "i32" },
  bpf_object__next_program: { parameters: ["u64", "u64"], result: "u64" },
  bpf_object__next_map: { parameters: ["u64", "u64"], result: "u64" },
  bpf_program__name: { parameters: ["u64"], result: "u64" },
  bpf_program__section_name: { parameters: ["u64"], result: "u64" },
  bpf_program__type: { parameters: ["u64"], result: "i32" },
  bpf_program__set_type: { parameters: ["u64", "i32"], result: "i32" },
  bpf_program__expected_attach_type: { parameters: ["u64"], result: "i32" },
  bpf_program__set_expected_attach_type: { parameters: ["u64", "i32"], result: "i32" },
  bpf_program__set_autoload: { parameters: ["u64", "u8"], result: "i32" },
  bpf_program__set_log_level: { parameters: ["u64", "u32"], result: "i32" },
  bpf_program__set_log_buf: { parameters: ["u64", "buffer", "usize"], result: "i32" },
  bpf_program__insns: { parameters: ["u64"], result: "u64" },
  bpf_program__insn_cnt: { parameters: ["u64"], result: "usize" },
  bpf_program__fd: { parameters: ["u64"], result: "i32" },
  bpf_map__name: { parameters: ["u64"], result: "u64" },
  bpf_map__fd: { parameters: ["u64"], result: "i32" },
  bpf_map__type: { parameters: ["u64"], result: "i32" },
  bpf_map__key_size: { parameters: ["u64"], result: "u32" },
  bpf_map__value_size: { parameters: ["u64"], result: "u32" },
  bpf_map__max_entries: { parameters: ["u64"], result: "u32" },
  bpf_map__set_key_size: { parameters: ["u64", "u32"], result: "i32" },
  bpf_map__set_value_size: { parameters: ["u64", "u32"], result: "i32" },
  bpf_map__set_max_entries: { parameters: ["u64", "u32"], result: "i32" },
  bpf_map__set_pin_path: { parameters: ["u64", "u64"], result: "i32" },
} as const;

/** A program of an object that libbpf opened. */
export interface LibbpfProgram {
  /** Its handle. */
  readonly handle: bigint;
  /** Its name. */
  readonly name: string;
  /** Its section. */
  readonly section: string;
  /** BPF_PROG_TYPE_* by the section; 0 if that tells nothing. */
  readonly type: number;
}

/** A map of an object that libbpf opened. */
export interface LibbpfMap extends MapSizes {
  /** Its handle. */
  readonly handle: bigint;
  /** Its name. */
  readonly name: string;
  /** BPF_MAP_TYPE_*. */
  readonly type: number;
}

/** What to load a program as. */
export interface LibbpfLoad {
  /** BPF_PROG_TYPE_* to force; that of the section if it is the same. */
  readonly type: number;
  /** BPF_* attach type to force; null for that of the section. */
  readonly attachType: number | null;
  /** What the verifier shall tell. */
  readonly log: LogRequest;
}

type Symbols = Deno.DynamicLibrary<typeof LIBBPF>["symbols"];

/** Runs a function with standard error going to memory: libbpf's messages, without a callback from C. */
function captured<T>(native: Native, run: () => T): { readonly result: T; readonly text: string } {
  const { libc } = native;
  const memory = libc.memfd_create(cText("messages"), 1);
  const stderr = libc.dup(2);
  libc.dup2(memory, 2);
  try {
    const result = run();
    const bytes = buffer(Math.max(0, Number(libc.lseek(memory, 0n, 2))));
    libc.lseek(memory, 0n, 0);
    libc.read(memory, bytes, BigInt(bytes.length));
    return { result, text: new TextDecoder().decode(bytes) };
  } finally {
    // Who has no standard error has none afterwards.
    if (stderr < 0) libc.close(2);
    else libc.dup2(stderr, 2);
    libc.close(stderr);
    libc.close(memory);
  }
}

/** What libbpf says once something has failed, or guesses at. */
const CONSEQUENCE =
  /BPF program load failed|failed to load (?:program|object)|: failed to (?:load|prepare load attributes): -\d+$|permission error while running as root|-- /;

/** The lines of libbpf's messages that say why, without those that only say that it failed. */
function reasons(text: string): string {
  return text.split("\n")
    .filter((line) => line.startsWith("libbpf: "))
    .map((line) => line.slice(8))
    .filter((line) => !CONSEQUENCE.test(line))
    .join("; ");
}

/** An object that libbpf opened. Nothing of it is attached or pinned. */
export class LibbpfObject {
  readonly #native: Native;
  readonly #symbols: Symbols;
  readonly #handle: bigint;
  #buffers: Uint8Array[] = [];

  /**
   * Wraps an open object.
   *
   * @param native The C library.
   * @param symbols libbpf.
   * @param handle The object.
   */
  constructor(native: Native, symbols: Symbols, handle: bigint) {
    this.#native = native;
    this.#symbols = symbols;
    this.#handle = handle;
    for (const { handle: map } of this.maps()) symbols.bpf_map__set_pin_path(map, 0n);
  }

  /** Closes the object, its programs and its maps. */
  close(): void {
    this.#symbols.bpf_object__close(this.#handle);
    this.#buffers = [];
  }

  /**
   * Lists the programs.
   *
   * @returns The programs in file order.
   */
  programs(): LibbpfProgram[] {
    const { bpf_object__next_program, ...c } = this.#symbols;
    const programs: LibbpfProgram[] = [];
    let handle = bpf_object__next_program(this.#handle, 0n);
    for (; handle !== 0n; handle = bpf_object__next_program(this.#handle, handle)) {
      programs.push({
        handle,
        name: this.#native.string(c.bpf_program__name(handle)),
        section: this.#native.string(c.bpf_program__section_name(handle)),
        type: c.bpf_program__type(handle),
      });
    }
    return programs;
  }

  /**
   * Lists the maps.
   *
   * @returns The maps, those of data sections among them.
   */
  maps(): LibbpfMap[] {
    const { bpf_object__next_map, ...c } = this.#symbols;
    const maps: LibbpfMap[] = [];
    let handle = bpf_object__next_map(this.#handle, 0n);
    for (; handle !== 0n; handle = bpf_object__next_map(this.#handle, handle)) {
      maps.push({
        handle,
        name: this.#native.string(c.bpf_map__name(handle)),
        type: c.bpf_map__type(handle),
        keySize: c.bpf_map__key_size(handle),
        valueSize: c.bpf_map__value_size(handle),
        maxEntries: c.bpf_map__max_entries(handle),
      });
    }
    return maps;
  }

  /**
   * Sets the sizes of a map.
   *
   * @param map The map.
   * @param sizes Its sizes.
   */
  resize(map: LibbpfMap, sizes: MapSizes): void {
    const c = this.#symbols;
    if (sizes.keySize !== map.keySize) c.bpf_map__set_key_size(map.handle, sizes.keySize);
    if (sizes.valueSize !== map.valueSize) c.bpf_map__set_value_size(map.handle, sizes.valueSize);
    if (sizes.maxEntries !== map.maxEntries) {
      c.bpf_map__set_max_entries(map.handle, sizes.maxEntries);
    }
  }

  /**
   * Chooses the program that {@link load} loads.
   *
   * @param program The program.
   * @param as Its program and attach type, and the log.
   * @param others Names of programs to load with it, since maps hold them from the start.
   */
  select(program: LibbpfProgram, as: LibbpfLoad, others: ReadonlySet<string>): void {
    const c = this.#symbols;
    for (const { handle, name, type } of this.programs()) {
      const chosen = handle === program.handle;
      c.bpf_program__set_autoload(handle, chosen || others.has(name) ? 1 : 0);
      if (chosen ? type !== as.type : type === 0) c.bpf_program__set_type(handle, as.type);
    }
    if (as.attachType !== null) {
      c.bpf_program__set_expected_attach_type(program.handle, as.attachType);
    }
    c.bpf_program__set_log_level(program.handle, as.log.level);
    c.bpf_program__set_log_buf(program.handle, as.log.buffer, BigInt(as.log.buffer.length));
    this.#buffers.push(as.log.buffer);
  }

  /**
   * Loads what is selected, with all maps.
   *
   * @returns The status, 0 or a negative error number, and what libbpf has to say.
   */
  load(): { readonly status: number; readonly reasons: string } {
    const { result, text } = captured(
      this.#native,
      () => this.#symbols.bpf_object__load(this.#handle),
    );
    return { status: result, reasons: reasons(text) };
  }

  /**
   * The size of a program as linked.
   *
   * @param program A program.
   * @returns Slots, those of its subprograms included once it was loaded.
   */
  slots(program: LibbpfProgram): number {
    return Number(this.#symbols.bpf_program__insn_cnt(program.handle));
  }

  /**
   * The instructions of a program as linked, before the kernel changes them.
   *
   * @param program A program.
   * @returns Their bytes, a copy.
   */
  instructions(program: LibbpfProgram): Uint8Array<ArrayBuffer> {
    const at = this.#symbols.bpf_program__insns(program.handle);
    return this.#native.copy(at, this.slots(program) * 8);
  }

  /**
   * The file descriptor of a loaded program.
   *
   * @param program A program.
   * @returns Its file descriptor, which the object closes.
   */
  programFd(program: LibbpfProgram): number {
    return this.#symbols.bpf_program__fd(program.handle);
  }

  /**
   * The file descriptor of a map.
   *
   * @param map A map.
   * @returns Its file descriptor, which the object closes; negative if it was not created.
   */
  mapFd(map: LibbpfMap): number {
    return this.#symbols.bpf_map__fd(map.handle);
  }
}

/** The library. */
export class Libbpf {
  readonly #native: Native;
  readonly #library: Deno.DynamicLibrary<typeof LIBBPF>;

  /**
   * Opens the library.
   *
   * @param native The C library.
   * @throws {EpassError} If it is missing, or Deno may not open it.
   */
  constructor(native: Native) {
    this.#native = native;
    this.#library = openLibrary(
      "libbpf.so.1",
      LIBBPF,
      "install libbpf 1.x (Debian and Ubuntu: apt install libbpf1; Fedora: dnf install libbpf)",
    );
  }

  /** Closes the library. */
  close(): void {
    this.#library.close();
  }

  /**
   * Opens an object.
   *
   * @param bytes The ELF file.
   * @param name What to call it.
   * @returns The object.
   * @throws {EpassError} If libbpf refuses; the message says why.
   */
  open(bytes: Uint8Array, name: string): LibbpfObject {
    const file = buffer(bytes.length);
    file.set(bytes);
    const title = cText(name);
    // struct bpf_object_open_opts up to relaxed_maps.
    const options = buffer(24);
    const view = new DataView(options.buffer);
    view.setBigUint64(0, 24n, true);
    view.setBigUint64(8, this.#native.address(title), true);
    options[16] = 1;
    const { symbols } = this.#library;
    const { result, text } = captured(
      this.#native,
      () => symbols.bpf_object__open_mem(file, BigInt(file.length), options),
    );
    if (result === 0n || title.length === 0) {
      throw new EpassError(`cannot open object with libbpf: ${reasons(text) || "no reason given"}`);
    }
    return new LibbpfObject(this.#native, symbols, result);
  }
}
