/**
 * `map_lookup_elem`, `map_update_elem` and `map_delete_elem` on hash tables as IR, made for the table's geometry. What is rare is
 * left to the helper: a table that must grow, an element that must make room.
 *
 * All operations search first; `link` is the address of the word that refers to the element:
 *
 * ```text
 * entry:              link = buckets + 4 * (hash(key) & mask)
 * loop(link, steps):  element = load.u32 link;  branch element == 0, miss, compare
 * compare:            branch key == load element + 8, hit, next
 * next:               branch steps + 1 > LIMIT, stuck, loop(element, steps + 1)
 * stuck:              trap helper
 * ```
 *
 * @module
 */

import { Builder } from "../ir/builder.ts";
import { removeUnreachable } from "../ir/cfg.ts";
import { type Block, IrFunction, type Value } from "../ir/function.ts";
import { helperByName } from "../isa/helpers.ts";
import { onCurrentCpu } from "./array_code.ts";
import {
  differenceOf,
  hashPieces,
  KEY_ACCESS,
  loadPieces,
  type Piece,
  storePieces,
} from "./key_code.ts";
import {
  chainLimit,
  HASH_ELEMENT,
  HASH_HEADER,
  HASH_STATE,
  type HashGeometry,
  MAP_RESULT,
  UPDATE_FLAG,
} from "./layout.ts";

const UPDATE_HELPER = helperByName("map_update_elem")!.id;

/** A function on a hash table under construction. */
class HashCode {
  readonly fn: IrFunction;
  readonly b: Builder;
  readonly hit: Block;
  readonly miss: Block;
  /** Address of the element that was found; in `hit`. */
  readonly element: Value;
  readonly #geometry: HashGeometry;
  readonly #args: readonly Value[];
  readonly #header: Value;
  readonly #key: readonly Piece[];
  readonly #value: readonly Piece[];
  readonly #bucket: Value;
  readonly #link: Value;

  /** Opens the function and searches; what the blocks `hit` and `miss` do is left to the caller. */
  constructor(name: string, geometry: HashGeometry, params: number) {
    this.#geometry = geometry;
    const fn = this.fn = new IrFunction(name);
    const b = this.b = new Builder(fn).atEnd(fn.newBlock());
    const [loop, compare, next] = [fn.newBlock(), fn.newBlock(), fn.newBlock()];
    [this.hit, this.miss] = [fn.newBlock(), fn.newBlock()];
    this.#header = fn.constant(geometry.header);
    this.#args = Array.from({ length: params }, () => b.param());
    this.#key = loadPieces(b, this.#args[1], geometry.keySize, KEY_ACCESS);
    this.#value = params > 2 ? loadPieces(b, this.#args[2], geometry.valueSize) : [];
    const hash = hashPieces(b, this.#key, geometry.keySize);
    const index = b.alu("and", 32, hash, this.field("mask"));
    const offset = b.alu("lsh", 64, index, fn.constant(2));
    this.#bucket = b.alu("add", 64, this.field("buckets"), offset);
    b.jump(loop, [this.#bucket, fn.constant(0)]);
    this.#link = b.atEnd(loop).param();
    const steps = b.param();
    this.element = b.load(4, this.#link, 0);
    b.branch("eq", 64, this.element, fn.constant(0), this.miss, compare);
    const difference = differenceOf(b.atEnd(compare), this.#key, this.element, HASH_ELEMENT.key);
    b.branch("eq", 64, difference, fn.constant(0), this.hit, next);
    this.#advance(next, loop, steps);
  }

  #advance(next: Block, loop: Block, steps: Value): void {
    const { b, fn } = this;
    const stuck = fn.newBlock();
    const step = b.atEnd(next).alu("add", 64, steps, fn.constant(1));
    const limit = fn.constant(chainLimit(this.#geometry.maxEntries));
    b.branch("gt", 64, step, limit, stuck, loop, [], [this.element, step]);
    b.atEnd(stuck).trap("helper");
  }

  /** Loads a word of the header. */
  field(name: keyof typeof HASH_HEADER): Value {
    return this.b.load(4, this.#header, HASH_HEADER[name]);
  }

  /** Stores a word of the header. */
  setField(name: keyof typeof HASH_HEADER, value: Value): void {
    this.b.store(4, this.#header, HASH_HEADER[name], value);
  }

  setState(element: Value, state: number): void {
    this.b.store(4, element, HASH_ELEMENT.state, this.fn.constant(state));
  }

  /** Address of the value of the current CPU in the element that was found. */
  valueAddress(): Value {
    const { valueOffset, cpuStride } = this.#geometry;
    const first = this.b.alu("add", 64, this.element, this.fn.constant(valueOffset));
    return onCurrentCpu(this.b, first, cpuStride);
  }

  result(value: number): void {
    this.b.ret(this.fn.constant(value));
  }

  /** Goes on unless a condition holds; then another block takes over. */
  unless(condition: "eq" | "gt" | "ge", a: Value, b: Value, otherwise: Block): void {
    const go = this.fn.newBlock();
    this.b.branch(condition, 64, a, b, otherwise, go);
    this.b.atEnd(go);
  }

  /** A block that leaves all to the helper. */
  slow(): Block {
    const block = this.fn.newBlock();
    const b = new Builder(this.fn).atEnd(block);
    b.ret(b.call({ kind: "helper", id: UPDATE_HELPER }, [...this.#args]));
    return block;
  }

  /** Replaces the value of the element that was found. */
  replaceInPlace(): void {
    storePieces(this.b, this.#value, this.valueAddress(), 0);
    this.setState(this.element, HASH_STATE.referenced);
    this.result(MAP_RESULT.done);
  }

  /** Takes the element that was found out of its chain. */
  unlink(): void {
    this.b.store(4, this.#link, 0, this.b.load(4, this.element, HASH_ELEMENT.next));
    this.setState(this.element, HASH_STATE.free);
  }

  /** Fills an element in and makes it the first of its bucket. */
  insert(element: Value): void {
    const { b, fn } = this;
    const { valueOffset, valueSize } = this.#geometry;
    if (valueSize % 8 !== 0) {
      b.store(8, element, valueOffset + valueSize - valueSize % 8, fn.constant(0));
    }
    storePieces(b, this.#value, element, valueOffset);
    storePieces(b, this.#key, element, HASH_ELEMENT.key);
    b.store(4, element, HASH_ELEMENT.next, b.load(4, this.#bucket, 0));
    this.setState(element, HASH_STATE.used);
    b.store(4, this.#bucket, 0, element);
    this.result(MAP_RESULT.done);
  }
}

/**
 * Makes the look-up of a hash table.
 *
 * @param geometry Where the table lies.
 * @returns A function of the map and the address of the key.
 */
export function hashLookup(geometry: HashGeometry): IrFunction {
  const code = new HashCode("hash_lookup", geometry, 2);
  code.b.atEnd(code.hit);
  if (geometry.evicts) code.setState(code.element, HASH_STATE.referenced);
  code.b.ret(code.valueAddress());
  code.b.atEnd(code.miss);
  code.result(0);
  return code.fn;
}

/**
 * Makes the update of a hash table whose values have no fields of the kernel.
 *
 * @param geometry Where the table lies.
 * @param flags One of {@link UPDATE_FLAG}.
 * @returns A function of the map, the addresses of key and value, and the flags.
 */
export function hashUpdate(geometry: HashGeometry, flags: number): IrFunction {
  const code = new HashCode("hash_update", geometry, 4);
  const { b, fn } = code;
  const { evicts, inPlace, cpuStride, maxEntries } = geometry;
  const slow = code.slow();
  b.atEnd(code.hit);
  if (flags === UPDATE_FLAG.noexist) code.result(MAP_RESULT.exists);
  else if (inPlace) code.replaceInPlace();
  else {
    const spare = code.field("spare");
    code.unless("eq", spare, fn.constant(0), slow);
    code.unlink();
    code.setField("spare", code.element);
    code.insert(spare);
  }
  b.atEnd(code.miss);
  if (flags === UPDATE_FLAG.exist) code.result(MAP_RESULT.noEntry);
  else if (cpuStride !== 0) b.jump(slow);
  else {
    const full = evicts ? slow : fn.newBlock();
    const count = code.field("count");
    code.unless("ge", count, fn.constant(maxEntries), full);
    code.unless("gt", count, code.field("mask"), slow);
    const free = code.field("free");
    code.unless("eq", free, fn.constant(0), slow);
    code.setField("free", b.load(4, free, HASH_ELEMENT.next));
    code.setField("count", b.alu("add", 32, count, fn.constant(1)));
    code.insert(free);
    if (!evicts) new Builder(fn).atEnd(full).ret(fn.constant(MAP_RESULT.tooBig));
  }
  removeUnreachable(fn);
  return fn;
}

/**
 * Makes the deletion from a hash table whose values have no fields of the kernel.
 *
 * @param geometry Where the table lies.
 * @returns A function of the map and the address of the key.
 */
export function hashDelete(geometry: HashGeometry): IrFunction {
  const code = new HashCode("hash_delete", geometry, 2);
  const { b, fn } = code;
  b.atEnd(code.hit);
  code.unlink();
  code.setField("count", b.alu("sub", 32, code.field("count"), fn.constant(1)));
  b.store(4, code.element, HASH_ELEMENT.next, code.field("free"));
  code.setField("free", code.element);
  code.result(MAP_RESULT.done);
  b.atEnd(code.miss);
  code.result(MAP_RESULT.noEntry);
  return fn;
}
