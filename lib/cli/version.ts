/**
 * `epass version`: which epass this is.
 *
 * @module
 */

import { buildCommand, type Command } from "@stricli/core";
import config from "../../deno.json" with { type: "json" };
import { type CliContext, utf8 } from "./context.ts";

/** The version of epass. */
export const VERSION: string = config.version;

/** The subcommand. */
export const versionCommand: Command<CliContext> = buildCommand({
  async func(this: CliContext): Promise<void> {
    await this.host.write("-", utf8(`epass ${VERSION}\n`));
  },
  parameters: {},
  docs: { brief: "Print the version" },
});
