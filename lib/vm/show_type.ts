/**
 * Values as text by their types (`btf_type_snprintf_show` in kernel/bpf/btf.c):
 *
 * ```text
 * (struct list_head){
 *  .next = (struct list_head *)0x0000000000001234,
 * }
 * ```
 *
 * Members that are zero are left out unless asked for. For that the kernel shows each structure and array twice: once to see how
 * deep its first value lies, without printing, once to print; here the same.
 *
 * @module
 */

import type { Btf, BtfMember, BtfType } from "../object/btf.ts";

/** How values are shown (BTF_F_*). */
export const SHOW = { compact: 1, noName: 2, rawPointers: 4, zeros: 8 } as const;

/** Most names and suffixes of one type (BTF_SHOW_MAX_ITER). */
const MAX_NAMES = 10;
/** Deepest nesting of structures and arrays. */
const MAX_DEPTH = 32;
/** Most values that are looked at, so that arrays of millions end. */
const MAX_VALUES = 65_536;
/** Longest name that is shown, with its NUL (BTF_SHOW_NAME_SIZE). */
const NAME_SIZE = 80;
const TRANSPARENT: ReadonlySet<string> = new Set(["volatile", "const", "restrict", "type_tag"]);
/** Numbers of the kinds that cannot be shown, for their message. */
const UNSUPPORTED: { readonly [kind: string]: number } = {
  fwd: 7,
  func: 12,
  func_proto: 13,
  float: 16,
};

/** Shows one value. */
class Shower {
  readonly #types: Btf;
  readonly #view: DataView;
  readonly #flags: number;
  readonly parts: string[] = [];
  #depth = 0;
  /** Depth from which on nothing is printed, as it is only looked for values; 0 outside. */
  #check = 0;
  #deepest = 0;
  #member: BtfMember | null = null;
  #inArray = false;
  #characters = false;
  #terminated = false;
  #type: BtfType | null = null;
  #id = 0;
  #values = 0;

  constructor(types: Btf, bytes: Uint8Array, flags: number) {
    this.#types = types;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#flags = flags;
  }

  get #compact(): boolean {
    return (this.#flags & SHOW.compact) !== 0;
  }

  #print(text: string): void {
    if (this.#check === 0) this.parts.push(text);
  }

  #indent(): string {
    return this.#compact ? "" : " ".repeat(Math.min(this.#depth, 32));
  }

  #newline(): string {
    return this.#compact ? "" : "\n";
  }

  #delimiter(): string {
    if (this.#depth === 0) return "";
    return this.#compact && this.#type?.kind === "union" ? "|" : ",";
  }

  /** Whether there are so many bytes at an offset; what lies beyond is not shown. */
  #has(at: number, size: number): boolean {
    return at >= 0 && at + size <= this.#view.byteLength;
  }

  /** `.member = (struct name *)`, and the bracket that opens it. */
  #name(): string {
    if (this.#inArray) return "";
    const member = this.#member;
    let id = member?.type ?? this.#id;
    let type = this.#types.type(id);
    let name: string | null = null, stars = "", brackets = "", opening = "";
    let isTypedef = false, isPointer = false, i = 0;
    for (; i < MAX_NAMES; i++) {
      if (type.kind === "typedef") {
        name ??= type.name;
        isTypedef = true;
        id = type.sizeOrType;
      } else if (type.kind === "array") {
        opening = "[";
        brackets += "[]";
        id = this.#types.array(type).element;
      } else if (type.kind === "ptr") {
        isPointer = true;
        stars += "*";
        id = type.sizeOrType;
      } else id = 0;
      if (id === 0) break;
      type = this.#unqualified(id);
    }
    if (i === MAX_NAMES) return "";
    name ??= type.name;
    let prefix = "";
    if (type.kind === "struct" || type.kind === "union") {
      prefix = type.kind;
      if (brackets === "") opening = "{";
    } else if (type.kind === "enum" || type.kind === "enum64") prefix = "enum";
    if (isPointer) opening = "";
    if (isTypedef) prefix = "";
    if ((this.#flags & SHOW.noName) !== 0) return opening;
    const label = member === null || member.name === "" ? "" : `.${member.name} = `;
    const space = prefix !== "" && name !== "" ? " " : "";
    const pointer = stars === "" ? "" : ` ${stars}`;
    return `${label}(${prefix}${space}${name}${pointer}${brackets})${opening}`
      .slice(0, NAME_SIZE - 1);
  }

  #unqualified(id: number): BtfType {
    let type = this.#types.type(id);
    for (let i = 0; i < MAX_DEPTH && TRANSPARENT.has(type.kind); i++) {
      type = this.#types.type(type.sizeOrType);
    }
    return type;
  }

  #value(text: string, isZero: boolean): void {
    if (isZero && (this.#flags & SHOW.zeros) === 0 && this.#depth > 0) return;
    this.#print(`${this.#indent()}${this.#name()}${text}${this.#delimiter()}${this.#newline()}`);
    this.#deepest = Math.max(this.#deepest, this.#depth);
  }

  #start(type: BtfType, id: number): void {
    this.#type = type;
    this.#id = id;
  }

  #end(): void {
    this.#type = null;
    this.#id = 0;
  }

  /** Shows the value of a type at an offset in bytes. */
  show(id: number, at: number): void {
    const type = this.#types.resolve(id);
    if (++this.#values > MAX_VALUES || this.#depth > MAX_DEPTH) return;
    switch (type.kind) {
      case "struct":
      case "union":
        return this.#nonzero(() => this.#structure(type, id, at));
      case "array":
        return this.#nonzero(() => this.#array(type, id, at));
      default:
        this.#start(type, id);
        this.#scalar(type, at);
        this.#end();
    }
  }

  /** Shows a structure or array if something in it is shown. */
  #nonzero(show: () => void): void {
    const member = this.#member;
    if (this.#depth > 0 && (this.#flags & SHOW.zeros) === 0) {
      if (this.#check === 0) {
        this.#check = this.#depth + 1;
        this.#deepest = 0;
      }
      show();
      this.#member = member;
      if (this.#check !== this.#depth + 1) return;
      this.#check = 0;
      if (this.#deepest <= this.#depth) return;
    }
    show();
  }

  #open(type: BtfType, id: number): void {
    this.#start(type, id);
    this.#print(`${this.#indent()}${this.#name()}${this.#newline()}`);
    this.#depth++;
  }

  #close(bracket: string): void {
    this.#depth--;
    this.#print(`${this.#indent()}${bracket}${this.#delimiter()}${this.#newline()}`);
    this.#end();
  }

  #structure(type: BtfType, id: number, at: number): void {
    this.#open(type, id);
    for (const member of this.#types.members(type)) {
      this.#member = member;
      const offset = at + Math.floor(member.bitOffset / 8);
      if (member.bitSize > 0) {
        this.#start(this.#types.type(member.type), member.type);
        this.#bits(offset, member.bitOffset % 8, member.bitSize);
        this.#end();
      } else this.show(member.type, offset);
      this.#member = null;
    }
    this.#close("}");
  }

  #array(type: BtfType, id: number, at: number): void {
    const { element, count } = this.#types.array(type);
    const kind = this.#types.resolve(element);
    // The kernel knows no size of pointers here.
    const size = kind.kind === "ptr" || kind.kind === "array" ? 0 : kind.sizeOrType;
    this.#characters = kind.kind === "int" && size === 1;
    this.#terminated = false;
    this.#open(type, id);
    for (let i = 0; i < count && this.#values <= MAX_VALUES; i++) {
      this.#inArray = true;
      this.show(element, at + i * size);
      this.#inArray = false;
      if (this.#terminated) break;
    }
    this.#characters = false;
    this.#terminated = false;
    this.#close("]");
  }

  #scalar(type: BtfType, at: number): void {
    if (type.kind === "int") return this.#integer(type, at);
    if (type.kind === "enum" || type.kind === "enum64") return this.#enumeration(type, at);
    if (type.kind === "ptr" && this.#has(at, 8)) {
      const pointer = this.#view.getBigUint64(at, true);
      return this.#value(`0x${pointer.toString(16).padStart(16, "0")}`, pointer === 0n);
    }
    if (type.kind !== "ptr") {
      this.#value(`<unsupported kind:${UNSUPPORTED[type.kind] ?? 0}>`, false);
    }
  }

  /** A number of 1, 2, 4 or 8 bytes. */
  #number(at: number, size: number, signed: boolean): bigint {
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = value << 8n | BigInt(this.#view.getUint8(at + i));
    return signed ? BigInt.asIntN(8 * size, value) : value;
  }

  #integer(type: BtfType, at: number): void {
    const detail = this.#types.detail(type);
    const bits = detail & 0xff, start = detail >>> 16 & 0xff;
    if (start !== 0 || ![8, 16, 32, 64].includes(bits)) return this.#bits(at, start, bits);
    if (!this.#has(at, bits / 8)) return;
    const value = this.#number(at, bits / 8, (detail >>> 24 & 1) !== 0);
    if (bits === 8 && this.#characters) {
      if (this.#terminated) return;
      const byte = Number(BigInt.asUintN(8, value));
      if (byte === 0) {
        this.#terminated = true;
        return;
      }
      if (byte >= 32 && byte < 127 || byte >= 0xa0) {
        return this.#value(`'${String.fromCharCode(byte)}'`, false);
      }
    }
    this.#value(`${value}`, value === 0n);
  }

  /** A bit field, or a number of an odd size. */
  #bits(at: number, start: number, bits: number): void {
    const first = at + (start >> 3), shift = start & 7;
    const size = Math.ceil((shift + bits) / 8);
    if (bits > 128 || !this.#has(first, size)) return;
    const value = BigInt.asUintN(bits, this.#number(first, size, false) >> BigInt(shift));
    this.#value(`0x${value.toString(16)}`, value === 0n);
  }

  #enumeration(type: BtfType, at: number): void {
    const size = type.kind === "enum64" ? 8 : 4;
    if (!this.#has(at, size)) return;
    const value = this.#number(at, size, false);
    const found = this.#types.enumerators(type).find((e) =>
      BigInt.asUintN(8 * size, e.value) === value
    );
    if (found !== undefined) return this.#value(found.name, false);
    const shown = type.flag ? BigInt.asIntN(8 * size, value) : value;
    this.#value(`${shown}`, value === 0n);
  }
}

/**
 * Shows a value.
 *
 * @param types Where its type is described.
 * @param id Id of the type.
 * @param bytes Its bytes, little-endian.
 * @param flags {@link SHOW}.
 * @returns The text in Latin-1, a character for each byte, as the kernel takes characters.
 * @throws {DecodeError} If the types are malformed.
 */
export function showType(types: Btf, id: number, bytes: Uint8Array, flags: number): string {
  const shower = new Shower(types, bytes, flags);
  shower.show(id, 0);
  return shower.parts.join("");
}
