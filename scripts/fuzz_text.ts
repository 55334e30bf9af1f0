/**
 * Mutations of texts: tokens, characters and lines of dumps, assembly and `.epir`.
 *
 * @module
 */

import type { Random } from "../tests/support/random.ts";

/** Tokens that a parser may not expect. */
// deno-fmt-ignore
const TOKENS = [
  "", "0", "-1", "+", "0x", "0x7fffffff", "-0x80000001", "4294967296", "0xffffffffffffffff", "18446744073709551616",
  "-9223372036854775809", "9".repeat(400), "0x" + "f".repeat(5000), "1e309", "NaN", "00", "r10", "r11", "w11", "%r9",
  "v0", "v4294967295", "b0", "b99999999", "@0", "@99999999999", "__proto__", "constructor", "toString", '"', '"\\',
  "'", "(", ")", "[", "]", "{", "}", "#", ";", "//", ":", ",", ".", "=", "->", "goto", "exit", "call", "lock", "if",
  "function", "verbatim", "epir", "order", "big", "section", "global", "subprogram", "params", "undef", "frame", "\0",
  "\t", "\r", "\u00e9", "\u2028", "\ud800", ".insn", ".section", ".globl", ".text", "lddw", "ll", "*(u64 *)",
];

/** What is nested or repeated without end. */
const REPEATED = [
  "(",
  "[",
  "{",
  '"',
  "-",
  "L:",
  "a: ",
  "*(u64 *)(",
  "\\",
  " ",
  "!",
  "0",
  "r1 ",
  ", v1",
];

/** The tokens of a line: words, single characters, white space. */
const tokensOf = (line: string): string[] => line.match(/[\w.%@$]+|\s+|[^\w\s]/g) ?? [];

/** Replaces a token of a line. */
function changeToken(random: Random, lines: readonly string[], line: string): string {
  const tokens = tokensOf(line);
  if (tokens.length === 0) return random.pick(TOKENS);
  const at = random.below(tokens.length);
  switch (random.below(4)) {
    case 0: {
      const others = tokensOf(random.pick(lines));
      tokens[at] = others.length === 0 ? "" : random.pick(others);
      break;
    }
    case 1:
      tokens[at] = random.pick(tokens);
      break;
    case 2:
      tokens.splice(at, 0, random.pick(TOKENS));
      break;
    default:
      tokens[at] = random.pick(TOKENS);
  }
  return tokens.join("");
}

/** Changes a character. */
function changeCharacter(random: Random, line: string): string {
  const at = random.below(line.length + 1);
  const put = random.chance(0.3) ? "" : String.fromCharCode(random.below(128));
  return line.slice(0, at) + put + line.slice(at + random.below(2));
}

type Mutation = (random: Random, lines: string[], at: number) => void;

const token: Mutation = (random, lines, at) => {
  lines[at] = changeToken(random, lines, lines[at]);
};

/** Replaces a number by another of the same kind: a value, block, register, constant or distance. */
const number: Mutation = (random, lines, at) => {
  const found = [...lines[at].matchAll(/(?<![0-9])[0-9]+/g)];
  if (found.length === 0) return token(random, lines, at);
  const { 0: digits, index } = random.pick(found);
  const near = Math.max(0, Number(digits) + random.below(9) - 4);
  const other = random.chance(0.6) ? near : random.below(2 * near + 12);
  lines[at] = lines[at].slice(0, index) + other + lines[at].slice(index + digits.length);
};

const MUTATIONS: readonly Mutation[] = [
  token,
  token,
  token,
  number,
  number,
  number,
  number,
  (random, lines, at) => lines[at] = changeCharacter(random, lines[at]),
  (random, lines, at) => lines[at] = lines[at].slice(0, random.below(lines[at].length + 1)),
  (random, lines, at) => lines.splice(at, 1 + random.below(4)),
  (random, lines, at) => lines.splice(at, 0, random.pick(lines)),
  (random, lines, at) => lines.splice(at, 0, ...lines.slice(at, at + 1 + random.below(30))),
  (random, lines, at) => {
    const other = random.below(lines.length);
    [lines[at], lines[other]] = [lines[other], lines[at]];
  },
  (random, lines) => lines.length = random.below(lines.length + 1),
];

/** Mutations that make a text much longer. */
const RARE: readonly Mutation[] = [
  (random, lines, at) => {
    const middle = random.below(lines[at].length + 1);
    const put = random.pick(REPEATED).repeat(1 + random.below(20_000));
    lines[at] = lines[at].slice(0, middle) + put + lines[at].slice(middle);
  },
  (random, lines, at) => lines[at] += lines[at].repeat(random.below(2000)),
  (random, lines, at) => lines.splice(at, 0, ...Array(random.below(5000)).fill(lines[at])),
  (_random, lines, at) => lines.splice(at, 0, ...Array(20_000).fill("")),
];

/**
 * Mutates a text once.
 *
 * @param random Where the choices come from.
 * @param text The text.
 * @returns The mutated text.
 */
export function mutateText(random: Random, text: string): string {
  const lines = text.split("\n");
  const mutation = random.chance(0.04) ? random.pick(RARE) : random.pick(MUTATIONS);
  mutation(random, lines, random.below(lines.length));
  return lines.join("\n");
}
