import assert from "node:assert/strict";
import { InvariantError } from "../../lib/errors.ts";
import { Builder } from "../../lib/ir/builder.ts";
import { assertValid, checkFunction } from "../../lib/ir/check.ts";
import { Block, Edge, IrFunction, Terminator, Value } from "../../lib/ir/function.ts";
import { parseModule } from "../../lib/ir/parse.ts";
import { randomFunction } from "./random_ir.ts";

Deno.test("the checker is silent on valid functions", () => {
  for (let seed = 0; seed < 1000; seed++) {
    assert.deepEqual(checkFunction(randomFunction(seed)), [], `seed ${seed}`);
  }
});

const SAMPLE = `epir 1
function f
b0(v0:r1):
  v1 = load.u32 v0 + 4
  v2 = add.64 v1, 14
  store.u64 fp - 8, v2
  v3 = atomic.u64.fetch_add fp - 8, v2
  atomic.u64.add fp - 8, v2
  v4 = sext.64.32 v2
  v5 = be16 v4
  v6 = cast v5, 1, 0
  v7 = packet.u16.abs v0, 12
  v8 = call map_lookup_elem(map_fd(3), fp)
  v9 = call kfunc "k"(v8)
  v10 = callx v9(v0)
  branch.64.gt v2, v3, b2, b1(v2, v3)
b1(v11, v12):
  v13 = sub.32 v11, v12
  jump b3(v13)
b2:
  v14 = neg.32 undef
  gotox v14, b3(v14), b4, b5
b3(v15):
  may_goto b4, b3(v15)
b4:
  return v2
b5:
  v16 = select.32.slt v2, 0, v3, v4
  v17 = call intrinsic memory.copy(v16)
  trap "bad-jump"
`;

/** What a mutation may reach. */
interface Sample {
  readonly fn: IrFunction;
  readonly b: Block[];
  /** The value of an id. */
  readonly v: (id: number) => Value;
  /** The first value of an operation. */
  readonly first: (op: string) => Value;
}

function sample(): Sample {
  const fn = parseModule(SAMPLE).functions[0].body as IrFunction;
  const values = fn.blocks.flatMap((block) => [...block.params, ...block.insns]);
  return {
    fn,
    b: fn.blocks,
    v: (id) => values.find((value) => value.id === id)!,
    first: (op) => values.find((value) => value.op === op)!,
  };
}

const edge = (block: Block, at: number): Edge => block.term!.edges[at];

/** A mutation for each invariant, and what the checker says. */
const MUTATIONS: readonly [string, (sample: Sample) => void, RegExp][] = [
  ["no blocks", ({ fn }) => fn.blocks = [], /there are no blocks/],
  ["block id out of range", ({ fn }) => fn.blockCount = 2, /block's id is not below 2/],
  ["block twice", ({ fn, b }) => fn.blocks.push(b[1]), /b1: the block is twice in the layout/],
  ["block id not unique", ({ fn }) => fn.blocks.push(new Block(1)), /block's id is not unique/],
  ["value id out of range", ({ fn }) => fn.valueCount = 3, /v3: its id is not below 3/],
  [
    "value id not unique",
    ({ b }) => {
      const value = new Value(2, "copy", [b[0].params[0]]);
      value.block = b[4];
      b[4].insns.push(value);
    },
    /b4: v2: its id is not unique/,
  ],
  ["value twice", ({ b, v }) => b[0].insns.push(v(1)), /v1: it is in two places/],
  ["wrong block", ({ b, v }) => v(1).block = b[1], /v1: its block is not the one that holds it/],
  [
    "instruction as parameter",
    ({ b, v }) => b[1].params.push(v(13)),
    /alu is among the parameters/,
  ],
  [
    "parameter as instruction",
    ({ b }) => b[1].insns.push(b[1].params[0]),
    /param is among the ins/,
  ],
  ["leaf as instruction", ({ fn, b }) => b[1].insns.push(fn.undef), /undef is among the instruc/],
  ["no terminator", ({ b }) => b[4].term = null, /b4: there is no terminator/],
  ["foreign edge", ({ b }) => edge(b[0], 0).from = b[1], /b0: an edge leaves from another block/],
  ["edge twice", ({ b }) => b[0].term!.edges[1] = edge(b[0], 0), /an edge is twice/],
  ["edge out", ({ b }) => edge(b[1], 0).to = new Block(3), /b1: b3 is not in the function/],
  ["edge arguments", ({ b }) => edge(b[0], 1).args.pop(), /b1 has 1 arguments for 2 parameters/],
  [
    "entry entered",
    ({ b }) => {
      b[0].params = [];
      b[1].term = new Terminator("jump");
      b[1].term.edges.push(new Edge(b[1], b[0]));
      b[0].preds.push(edge(b[1], 0));
    },
    /b0: the entry has predecessors/,
  ],
  ["predecessor missing", ({ b }) => b[2].preds.pop(), /b0: the edge to b2 is not among its pred/],
  ["predecessor extra", ({ b }) => b[2].preds.push(new Edge(b[3], b[2])), /the predecessor b3 has/],
  [
    "predecessor of another",
    ({ b }) => b[2].preds.push(b[1].preds[0]),
    /b2: a predecessor's edge enters another block/,
  ],
  ["edges of a jump", ({ b }) => b[0].term!.op = "jump", /jump has 2 edges/],
  ["edges of a gotox", ({ b }) => b[2].term!.edges = [], /gotox has 0 edges/],
  ["operands of a return", ({ b }) => b[4].term!.args = [], /return has 0 arguments/],
  ["terminator's operation", ({ b }) => b[4].term!.op = "x" as "jump", /unknown terminator x/],
  ["condition", ({ b }) => b[0].term!.fn = "toString" as "eq", /branch has fn toString/],
  ["condition of a jump", ({ b }) => b[1].term!.fn = "eq", /jump has fn eq/],
  ["width of a branch", ({ b }) => b[0].term!.width = 16 as 32, /branch has width 16/],
  ["width of a jump", ({ b }) => b[1].term!.width = 32, /jump has width 32/],
  ["kind of a trap", ({ b }) => b[5].term!.trap = "", /trap has trap /],
  ["trap of a jump", ({ b }) => b[1].term!.trap = "null", /jump has trap null/],
  ["pc of a terminator", ({ b }) => b[1].term!.pc = -2, /jump has pc -2/],
  ["use before definition", ({ v }) => v(1).args[0] = v(2), /b0: v1: v2 is used where it is not/],
  ["use of itself", ({ v }) => v(2).args[0] = v(2), /b0: v2: v2 is used where it is not defined/],
  ["definition does not dominate", ({ b, v }) => b[4].term!.args[0] = v(13), /b4: v13 is used wh/],
  ["edge argument not defined", ({ b, v }) => edge(b[1], 0).args[0] = v(14), /b1: v14 is used wh/],
  ["use of what is gone", ({ b }) => b[1].insns.pop(), /b1: v13 is used and is in no block/],
  [
    "use of a stranger",
    ({ v }) => v(2).args[0] = new Value(1, "copy", []),
    /v2: v1 is used and is in no block of the function/,
  ],
  [
    "use of a store",
    ({ b, first }) => b[4].term!.args[0] = first("store"),
    /is used and has no res/,
  ],
  [
    "use of an atomic without result",
    ({ b }) => b[4].term!.args[0] = b[0].insns[4],
    /b4: v\d+ is used and has no result/,
  ],
  ["leaf in a block", ({ fn, b }) => fn.constant(14).block = b[0], /a leaf has a block/],
  [
    "two leaves of a constant",
    ({ fn, v }) => {
      const leaf = fn.newValue("const");
      leaf.imm = 14n;
      v(13).args[0] = leaf;
    },
    /the constant has another leaf/,
  ],
  ["two undefs", ({ fn, v }) => v(13).args[0] = fn.newValue("undef"), /undef has another leaf/],
  ["two frames", ({ fn, v }) => v(13).args[0] = fn.newValue("frame"), /frame pointer has another/],
  ["pc of a shared leaf", ({ fn }) => fn.frame.pc = 3, /frame has pc 3/],
  ["hint of a shared leaf", ({ fn }) => fn.frame.hint = 3, /frame has register hint 3/],
  ["hint of a store", ({ first }) => first("store").hint = 3, /store has register hint 3/],
  ["hint", ({ v }) => v(1).hint = 11, /load has register hint 11/],
  ["pc", ({ v }) => v(1).pc = 1.5, /load has pc 1.5/],
  ["operation", ({ v }) => v(1).op = "toString" as "load", /unknown operation toString/],
  ["arguments", ({ v }) => v(2).args.pop(), /v2: alu has 1 arguments/],
  ["arguments of an atomic", ({ v }) => v(3).args.pop(), /fetch_add has 1 arguments/],
  ["arguments of a packet", ({ v }) => v(7).fn = "ind", /ind has 1 arguments/],
  ["arguments of an address's call", ({ v }) => v(10).args = [], /of an address has no arguments/],
  [
    "arguments of a call",
    ({ v }) => v(8).args = new Array(6).fill(v(1)),
    /v8: call has 6 arguments/,
  ],
  ["field out of use", ({ v }) => v(1).fn = "add", /load has fn add/],
  ["constant", ({ fn }) => fn.constant(14).imm = -1n, /const has imm -1/],
  ["displacement", ({ v }) => v(1).off = 0x8000, /load has displacement 32768/],
  ["width", ({ v }) => v(2).width = 8 as 32, /alu has width 8/],
  ["arithmetic", ({ v }) => v(2).fn = "constructor", /alu has fn constructor/],
  ["unary", ({ v }) => v(14).fn = "not", /unary has fn not/],
  ["width of a swap", ({ v }) => v(5).width = 32, /be16 has width 32/],
  ["sign extension", ({ v }) => v(4).width = 32, /sext extends 32 bits to 32/],
  ["address spaces", ({ v }) => v(6).imm = 1n << 32n, /cast has address spaces/],
  ["size of a load", ({ v }) => v(1).size = 0, /load has size 0/],
  ["signed load", ({ v }) => v(1).sign = 16, /load extends 16 of 32/],
  ["size of a store", ({ first }) => first("store").size = 3 as 4, /store has size 3/],
  ["size of an atomic", ({ v }) => v(3).size = 2, /fetch_add has size 2/],
  ["atomic", ({ v }) => v(3).fn = "nand", /atomic has fn nand/],
  ["size of a packet", ({ v }) => v(7).size = 8, /packet has size 8/],
  ["packet", ({ v }) => v(7).fn = "msh", /packet has fn msh/],
  ["condition of a select", ({ v }) => v(16).fn = "add", /select has fn add/],
  ["arguments of a select", ({ v }) => v(16).args.pop(), /select has 3 arguments/],
  ["intrinsic", ({ v }) => v(17).callee = { kind: "intrinsic", name: "" }, /has no name/],
  ["callee", ({ v }) => v(8).callee = null, /call has no callee/],
  ["symbol", ({ v }) => v(8).args[0].ref = null, /symbol has no ref/],
  ["CO-RE constant", ({ fn, v }) => v(13).args[0] = fn.newValue("core"), /core has no CO-RE rec/],
];

for (const [name, mutate, expected] of MUTATIONS) {
  Deno.test(`the checker names: ${name}`, () => {
    const it = sample();
    assert.deepEqual(checkFunction(it.fn), []);
    mutate(it);
    assert.match(checkFunction(it.fn).join("\n"), expected);
  });
}

Deno.test("a function that is not valid is our defect", () => {
  const fn = new IrFunction("broken");
  new Builder(fn).atEnd(fn.newBlock());
  assert.throws(() => assertValid(fn), InvariantError);
  assert.throws(() => assertValid(fn), /function broken is not valid: .*there is no terminator/);
});
