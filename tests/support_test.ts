import assert from "node:assert/strict";
import { missing, skip } from "./support.ts";

Deno.test("missing is empty when nothing is needed", () => {
  assert.equal(missing(), "");
});

Deno.test("a skip of a running test is recorded as such", async (t) => {
  const log = await Deno.makeTempFile();
  const before = Deno.env.get("EPASS_SKIP_LOG");
  Deno.env.set("EPASS_SKIP_LOG", log);
  const print = console.log;
  console.log = () => {};
  try {
    skip(t, "only to see it recorded");
  } finally {
    console.log = print;
    if (before === undefined) Deno.env.delete("EPASS_SKIP_LOG");
    else Deno.env.set("EPASS_SKIP_LOG", before);
  }
  assert.deepEqual(JSON.parse(await Deno.readTextFile(log)), {
    name: t.name,
    why: "only to see it recorded",
    running: true,
  });
  await Deno.remove(log);
});
