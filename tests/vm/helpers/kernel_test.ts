/**
 * Helpers against those of the running kernel: the same calls, what they return and what they write compared.
 *
 * @module
 */

import { testWith } from "../../support.ts";
import { assertAsKernel, type Call, constant, frame, value, withKernel } from "./support.ts";

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

testWith("kernel", "dynamic pointers to memory behave as the kernel's", () => {
  const data = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
  const at = frame(-16);
  withKernel((kernel) => {
    for (const [size, flags] of [[16, 0], [16, 1], [64, 0], [1, 0]]) {
      for (const [offset, length] of [[0, 8], [8, 8], [9, 8], [16, 1], [0xffff_ffff, 8], [60, 4]]) {
        assertAsKernel(kernel, `${size} bytes, flags ${flags}, ${length} at ${offset}`, {
          calls: [
            ["dynptr_from_mem", value(0), size, flags, at],
            ["dynptr_read", value(128), length, at, offset, 0],
            ["dynptr_read", value(128), length, at, offset, 1],
            ["dynptr_write", at, offset, constant(0), length, 0],
            ["dynptr_write", at, offset, constant(0), length, 2],
            ["dynptr_read", value(160), 1, at, 0, 0],
          ],
          data,
          constants: "constant",
        });
      }
    }
  });
});

/** Addresses that cannot be read. */
const BAD_ADDRESSES = [
  0n,
  1n,
  0xffff_ffff_ffff_fff0n,
  0x7fff_ffff_f000n,
  0x8000_0000_0000n,
  1n << 63n,
];

testWith("kernel", "what cannot be read gives zeros and the kernel's errors", () => {
  const data = new Uint8Array(64).fill(0xaa);
  withKernel((kernel) => {
    for (const address of BAD_ADDRESSES) {
      for (const size of [0, 1, 8, 64]) {
        assertAsKernel(kernel, `${size} bytes at 0x${address.toString(16)}`, {
          type: "raw_tracepoint",
          calls: [
            ["probe_read_kernel", value(0), size, address],
            ["probe_read_kernel_str", value(8), size, address],
            ["probe_read_user", value(16), size, address],
            ["probe_read_user_str", value(24), size, address],
            ["probe_read", value(32), size, address],
            ["probe_read_str", value(40), size, address],
          ],
          data,
        });
      }
    }
  });
});

testWith("kernel", "strings are copied as the kernel copies them", () => {
  withKernel((kernel) => {
    for (
      const text of [
        "",
        "a",
        "seven..",
        "eight...",
        "nine.....",
        "a longer string, of 38 bytes in total.",
      ]
    ) {
      for (const size of [0, 1, 2, 7, 8, 9, 16, 39, 64]) {
        const data = new Uint8Array(256).fill(0xaa);
        data.set(new TextEncoder().encode(`${text}\0`), 128);
        assertAsKernel(kernel, `${JSON.stringify(text)} to ${size} bytes`, {
          type: "raw_tracepoint",
          calls: [
            ["probe_read_kernel_str", value(0), size, value(128)],
            ["probe_read_kernel", value(64), size, value(128)],
          ],
          data,
        });
      }
    }
  });
});

/** Formats of a string or an address, then a number. */
const POINTER_FORMATS = [
  "%s",
  "[%10s]",
  "[%-10s]",
  "[%010s]",
  "%s %d",
  "%pks",
  "[%10pks]",
  "%sx",
  "%s.%d",
  "%pksx",
  "%pI4",
  "%pi4",
  "%pI6",
  "%pi6",
  "%pI4 %d",
  "%pI4x%d",
  "[%20pI4]",
  "%pI5",
  "%p4",
  "%s%s",
  "%pI6%pI6",
];

testWith("kernel", "strings and addresses are formatted as the kernel formats them", () => {
  withKernel((kernel) => {
    for (const format of POINTER_FORMATS) {
      for (const size of [4, 128]) {
        const calls: Call[] = [
          ["store", 0, value(64)],
          ["snprintf", value(512), size, constant(0), value(0), 16],
          ["store", 8, format.includes("d") ? 7 : value(64)],
          ["snprintf", value(1024), size, constant(0), value(0), 16],
          // Strings that are not there.
          ["store", 0, 0],
          ["snprintf", value(1536), size, constant(0), value(0), 16],
          ["store", 0, 0],
          ["store", 8, 0],
        ];
        const data = new Uint8Array(128);
        data[8] = 7;
        data.set(new TextEncoder().encode("a string, longer than an address"), 64);
        const name = `${JSON.stringify(format)} into ${size}`;
        assertAsKernel(kernel, name, { calls, constants: format, data }, /Invalid format string/);
      }
    }
  });
});

testWith("kernel", "symbols that the kernel does not know are formatted as numbers", () => {
  withKernel((kernel) => {
    for (const format of ["%pB", "%pS", "%ps", "%pSx", "[%20pS]", "[%-20ps]", "[%20pB]", "%pB%d"]) {
      const calls: Call[] = [["snprintf", value(512), 128, constant(0), value(0), 16]];
      const data = Uint8Array.of(0x34, 0x12, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0);
      assertAsKernel(kernel, format, { calls, constants: format, data });
    }
  });
});

testWith("kernel", "arguments of formats take up room as in the kernel", () => {
  withKernel((kernel) => {
    const long = "s".repeat(300);
    for (const format of ["%s", "%s%s", "%s%s%d", "%s%c%d", "%s%s%c", "%s%s%pI4"]) {
      const isString = [0, 1, 2].map((i) => format.split("%")[i + 1]?.startsWith("s"));
      const calls: Call[] = isString.map((is, i) => ["store", 8 * i, is ? value(64) : 65]);
      calls.push(["snprintf", value(512), 400, constant(0), value(0), 24]);
      calls.push(...[0, 8, 16].map((at): Call => ["store", at, 0]));
      const data = new TextEncoder().encode("\0".repeat(64) + long);
      assertAsKernel(kernel, format, { calls, constants: format, data });
    }
  });
});

testWith("kernel", "limits of formatted printing", () => {
  withKernel((kernel) => {
    for (const size of [0, 4, 8, 96, 104]) {
      assertAsKernel(kernel, `${size} bytes of arguments`, {
        calls: [
          ["snprintf", value(512), 16, constant(0), value(0), size],
          ["trace_vprintk", constant(0), 6, value(0), size],
          ["trace_vprintk", constant(0), 5, value(0), size],
        ],
        constants: "plain",
      }, /the kernel says EINVAL/);
    }
  });
});

testWith("kernel", "the task in its namespace", () => {
  withKernel((kernel) => {
    for (const size of [4, 8, 16]) {
      assertAsKernel(kernel, `${size} bytes`, {
        type: "raw_tracepoint",
        calls: [
          ["get_ns_current_pid_tgid", 1, 1, value(0), size],
          ["get_ns_current_pid_tgid", 1n << 40n, 1, value(16), size],
        ],
        data: new Uint8Array(32).fill(0xaa),
      });
    }
  });
});

testWith("kernel", "stacks and counters fail as in the kernel", () => {
  withKernel((kernel) => {
    for (const flags of [1n << 63n, 1n << 12n, 1n << 11n, 1n << 9n]) {
      assertAsKernel(kernel, `flags ${flags}`, {
        type: "raw_tracepoint",
        calls: [["get_stack", "context", value(0), 64, flags]],
        data: new Uint8Array(64).fill(0xaa),
      });
    }
    assertAsKernel(kernel, "a size that is no multiple", {
      type: "raw_tracepoint",
      calls: [["get_stack", "context", value(0), 63, 0]],
      data: new Uint8Array(64).fill(0xaa),
    });
  });
});
