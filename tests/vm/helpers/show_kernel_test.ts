/**
 * Values of the kernel's types as text, against those that the kernel makes.
 *
 * @module
 */

import type { Kernel } from "../../../lib/kernel/kernel.ts";
import { Btf } from "../../../lib/object/btf.ts";
import { Random } from "../../../lib/random_input.ts";
import { testWith } from "../../support.ts";
import { assertAsKernel, type Call, value, withKernel } from "./support.ts";

/** Id of the kernel's own types. */
const KERNEL_TYPES = 1;
/** Types that are shown, and how large they may be: that their text fits the buffer. */
const TYPES = 20;
const MAX_SIZE = 256;
/** Where the value lies in the data, and where the text goes. */
const VALUE = 64, TEXT = 512;

function kernelTypes(kernel: Kernel): Uint8Array<ArrayBuffer> {
  const fd = kernel.bpf.types.open(KERNEL_TYPES);
  try {
    return kernel.bpf.types.read(fd);
  } finally {
    kernel.bpf.close(fd);
  }
}

/** Types of all kinds, many of them structures. */
function someTypes(types: Btf, random: Random): number[] {
  const ids: number[] = [];
  while (ids.length < TYPES) {
    const id = 1 + random.below(types.count - 1);
    const { kind } = types.type(id);
    const isShown = kind === "struct" || kind === "union" || kind === "typedef" ||
      kind === "array" ||
      kind === "enum" || kind === "int" || kind === "enum64";
    const size = isShown ? types.sizeOf(id) : 0;
    if (size > 0 && size <= MAX_SIZE) ids.push(id);
  }
  return ids;
}

/** The structure that names a type, and a value: zeros, a few bytes, or noise. */
function dataOf(id: number, random: Random, noise: number): Uint8Array {
  const data = new Uint8Array(VALUE + MAX_SIZE);
  new DataView(data.buffer).setUint32(8, id, true);
  for (let i = VALUE; i < data.length; i++) {
    if (random.below(8) < noise) {
      data[i] = random.below(4) === 0 ? 65 + random.below(20) : random.below(256);
    }
  }
  return data;
}

testWith("kernel", "values are shown as the kernel shows them", () => {
  withKernel((kernel) => {
    const btf = kernelTypes(kernel);
    const types = new Btf(btf, "little");
    const random = new Random(77);
    for (const id of someTypes(types, random)) {
      for (const [flags, noise] of [[4, 0], [4, 1], [5, 4], [6, 8], [12, 0], [15, 4]]) {
        const calls: Call[] = [
          ["store", 0, value(VALUE)],
          ["snprintf_btf", value(TEXT), 3000, value(0), 16, flags],
          ["store", 0, 0],
        ];
        const { kind, name } = types.type(id);
        const title = `${kind} ${name} (${id}), flags ${flags}, noise ${noise}`;
        const data = dataOf(id, random, noise);
        assertAsKernel(kernel, title, { type: "raw_tracepoint", calls, data }, undefined, { btf });
      }
    }
  });
});

testWith("kernel", "what cannot be shown fails as in the kernel", () => {
  withKernel((kernel) => {
    const btf = kernelTypes(kernel);
    const id = new Btf(btf, "little").find("struct", "list_head")!.id;
    const data = (type: number) => dataOf(type, new Random(1), 0);
    const show = (size: number, flags: number, room = 64): Call[] => [
      ["store", 0, value(VALUE)],
      ["snprintf_btf", value(TEXT), room, value(0), size, flags],
      ["store", 0, 0],
    ];
    for (
      const [title, calls, type] of [
        ["no room", show(16, 12, 1), id],
        ["little room", show(16, 12, 20), id],
        ["another size", show(24, 4), id],
        ["unknown flags", show(16, 16), id],
        ["no type", show(16, 4), 0],
      ] as const
    ) {
      const helperCase = { type: "raw_tracepoint", calls, data: data(type) };
      assertAsKernel(kernel, title, helperCase, undefined, { btf });
    }
  });
});
