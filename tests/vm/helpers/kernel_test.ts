/**
 * Helpers against those of the running kernel: the same calls, what they return and what they write compared.
 *
 * @module
 */

import { testWith } from "../../support.ts";
import { assertAsKernel, constant, value, withKernel } from "./support.ts";

/** Formats and up to three arguments, of which strings lie in the value. */
const FORMATS: readonly (readonly [format: string, ...args: readonly (number | bigint)[]])[] = [
  ["plain"],
  ["%d %i %u", -1, 2147483648, 0xffff_ffff],
  ["%x %X", 0xdeadbeef, 0xabcdef],
  ["%ld %lu %lx", -5n, 0xffff_ffff_ffff_ffffn, 0x1234_5678_9abc_def0n],
  ["%lld %llu %llx", 1n << 63n, 1n << 63n, -1n],
  ["[%5d] [%-5d] [%05d]", 42, 42, 42],
  ["[%+d] [% d] [%+05d]", 42, 42, 42],
  ["[%+5d] [%- 5d] [%-05d]", -7, 7, 7],
  ["[%08x] [%-8X] [%12lx]", 0xbeef, 0xbeef, 0xbeef],
  ["%% 100%% %d", 1],
  ["%c%c%5c|", 65, 66, 67],
  ["%-5c|%c", 65, 66],
  ["%px", 0x1234n],
  ["[%20px] [%-20px]", 0xabcn, 0xabcn],
  ["[%020px]", 0xabcn],
  ["%p", 0],
  ["%pK", 0],
  ["%d %d %d", 1, 2, 3],
  ["%d %d %d %d", 1, 2, 3, 4],
  ["%d"],
  ["%"],
  ["%d%", 1],
  ["%5", 1],
  ["%lc", 65],
  ["%f", 1],
  ["%o", 1],
  ["%hd", 1],
  ["%llld", 1],
  ["%#x", 1],
  ["%.3d", 1],
  ["%*d", 3, 1],
  ["%p%", 0],
  ["%pxyz rest", 0x1n],
  ["%pz", 0],
  ["%pi", 0],
  ["%pi5", 0],
  ["%5%", 1],
  ["tab\tnewline\n"],
  ["bell\x07"],
  ["caf\u00e9 %d", 1],
  ["%d\u00e9", 1],
  ["%p\u00e9", 0],
  ["%p\u00d7", 0],
  ["%dx%dy", 1, 2],
  ["%ld%s", 1],
  ["%300d", 1],
  ["%100000d", 1],
  ["%99999999999d", 1],
  ["%px, %px", 1, 2],
];

testWith("kernel", "snprintf formats numbers as the kernel does", () => {
  withKernel((kernel) => {
    for (const [format, ...args] of FORMATS) {
      for (const size of [0, 1, 8, 400]) {
        const data = new Uint8Array(64);
        const view = new DataView(data.buffer);
        args.forEach((arg, i) => view.setBigUint64(8 * i, BigInt.asUintN(64, BigInt(arg)), true));
        assertAsKernel(kernel, `${JSON.stringify(format)} into ${size}`, {
          calls: [["snprintf", value(512), size, constant(0), value(0), 8 * args.length]],
          constants: format,
          data,
        }, /Invalid format string/);
      }
    }
  });
});

testWith("kernel", "trace_printk returns what the kernel's returns", () => {
  withKernel((kernel) => {
    for (const [format, ...args] of FORMATS) {
      const text = new TextEncoder().encode(format);
      const [a = 0, b = 0, c = 0] = args;
      assertAsKernel(kernel, JSON.stringify(format), {
        calls: [
          ["trace_printk", value(0), text.length + 1, a, b, c],
          ["trace_printk", value(0), Math.max(text.length, 1), a, b, c],
        ],
        data: text,
      });
    }
  });
});

const NUMBERS = [
  "0",
  "1",
  "-1",
  "+1",
  "  42",
  "\t-42xyz",
  "0x1f",
  "0X1F",
  "-0x1f",
  "010",
  "08",
  "0x",
  "0xg",
  "",
  " ",
  "-",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "-9223372036854775809",
  "18446744073709551615",
  "18446744073709551616",
  "99999999999999999999999",
  "0xffffffffffffffff",
  "0x10000000000000000",
  "1777777777777777777777",
  "ff",
  "0b1",
  "--1",
  "- 1",
  "1 2",
  "1".repeat(70),
  "0".repeat(70),
];

testWith("kernel", "strtol and strtoul parse as the kernel does", () => {
  withKernel((kernel) => {
    for (const text of NUMBERS) {
      for (const flags of [0, 8, 10, 16, 2, 32, 1n << 40n]) {
        const data = new TextEncoder().encode(text);
        const size = Math.max(data.length, 1);
        assertAsKernel(kernel, `${JSON.stringify(text)} with flags ${flags}`, {
          calls: [
            ["strtol", value(0), size, flags, value(128)],
            ["strtoul", value(0), size, flags, value(136)],
            ["strtol", value(0), size + 3, flags, value(144)],
          ],
          data,
        });
      }
    }
  });
});

testWith("kernel", "strncmp compares as the kernel does", () => {
  withKernel((kernel) => {
    for (
      const [a, b] of [["abc", "abc"], ["abc", "abd"], ["abd", "abc"], ["ab", "abc"], ["", "a"]]
    ) {
      for (const size of [1, 2, 3, 8]) {
        assertAsKernel(kernel, `${a} and ${b}, ${size} bytes`, {
          calls: [["strncmp", value(0), size, constant(0)]],
          data: a,
          constants: b,
        });
      }
    }
  });
});

testWith("kernel", "csum_diff adds as the kernel does", () => {
  const data = Uint8Array.from({ length: 600 }, (_, i) => i * 37 + (i >> 3));
  const ones = new Uint8Array(600).fill(0xff);
  withKernel((kernel) => {
    for (const bytes of [data, ones, new Uint8Array(600)]) {
      for (
        const [from, to] of [[0, 0], [4, 0], [0, 4], [4, 4], [20, 40], [512, 512], [3, 5], [0, 6], [
          516,
          4,
        ]]
      ) {
        for (const seed of [0, 1, 0xffff, 0xffff_ffff, 0x1234_5678]) {
          assertAsKernel(kernel, `${from} ${to} ${seed}`, {
            calls: [["csum_diff", value(0), from, value(8), to, seed]],
            data: bytes,
          });
        }
      }
    }
  });
});
