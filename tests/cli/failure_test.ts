import assert from "node:assert/strict";
import { failureText } from "../../lib/cli/failure.ts";
import { DecodeError } from "../../lib/errors.ts";

Deno.test("a failure is told in one line, whatever names the input holds", () => {
  const error = new DecodeError("cannot read section a\nb: \x1b[31mred", { section: "x\r\ny" });
  assert.equal(
    failureText(error),
    "epass: cannot read section a\\x0ab: \\x1b[31mred\n  at section x\\x0d\\x0ay",
  );
});
