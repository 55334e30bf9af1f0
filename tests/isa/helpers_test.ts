import { deepEqual, equal, ok } from "node:assert/strict";
import { HELPER_TABLE } from "../../lib/isa/helper_table.ts";
import { helperArguments, helperById, helperByName } from "../../lib/isa/helpers.ts";

const kinds = (name: string) => helperByName(name)?.params.map((param) => param.kind);

Deno.test("the table has every helper, by ascending ids without gaps", () => {
  equal(HELPER_TABLE.length, 211);
  HELPER_TABLE.forEach((helper, i) => equal(helper.id, i + 1));
  equal(HELPER_TABLE.at(-1)!.name, "cgrp_storage_delete");
});

Deno.test("no helper has more than five parameters, and a size follows what it sizes", () => {
  for (const { name, params } of HELPER_TABLE) {
    ok(params.length <= 5, name);
    params.forEach((param, i) => {
      const before = params[i - 1]?.kind;
      if (param.kind === "size") ok(before === "memory" || before === "object", name);
    });
  }
});

Deno.test("known signatures", () => {
  deepEqual(kinds("map_lookup_elem"), ["map", "map_key"]);
  deepEqual(kinds("bpf_map_update_elem"), ["map", "map_key", "map_value", "scalar"]);
  deepEqual(kinds("perf_event_output"), ["ctx", "map", "scalar", "memory", "size"]);
  deepEqual(kinds("skb_load_bytes"), ["ctx", "scalar", "memory", "size"]);
  deepEqual(kinds("tail_call"), ["ctx", "map", "scalar"]);
  deepEqual(kinds("loop"), ["scalar", "function", "memory", "scalar"]);
  deepEqual(kinds("for_each_map_elem"), ["map", "function", "memory", "scalar"]);
  deepEqual(kinds("ringbuf_output"), ["map", "memory", "size", "scalar"]);
  deepEqual(kinds("spin_lock"), ["object"]);
  deepEqual(kinds("ktime_get_ns"), []);
  equal(helperById(1)?.result, "pointer");
  equal(helperById(5)?.result, "scalar64");
  equal(helperById(7)?.result, "scalar32");
  equal(helperByName("ringbuf_submit")?.result, "void");
});

Deno.test("only trace_printk has optional arguments", () => {
  deepEqual(HELPER_TABLE.filter((helper) => helper.variadic).map((h) => h.name), ["trace_printk"]);
  deepEqual(helperArguments(6), { least: 2, most: 5 });
  deepEqual(helperArguments(1), { least: 2, most: 2 });
});

Deno.test("an unknown helper may read every argument register", () => {
  for (const id of [0, 212, -1, 0xbad2310, 0x7fff_ffff]) {
    equal(helperById(id), null);
    deepEqual(helperArguments(id), { least: 5, most: 5 });
  }
  equal(helperByName("nothing"), null);
  equal(helperByName("constructor"), null);
});
