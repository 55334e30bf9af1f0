/**
 * Stands in for `epass opt --from linked`: puts a jump to the next instruction behind every instruction that allows it,
 * so that all of them move.
 *
 * @module
 */

import { loadProgram } from "../../lib/object/load.ts";
import { rewriteProgram } from "../../lib/object/rewrite.ts";
import { padAll } from "../object/shift.ts";

const input = new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
const program = loadProgram(input, { from: "linked" });
const { bytes } = rewriteProgram(program, padAll(program, () => 1));
for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
