/**
 * The command line of epass.
 *
 * ```sh
 * deno run --allow-read=firewall.o --allow-write=out.o cli.ts opt firewall.o -o out.o
 * ```
 *
 * @module
 */

import { runCli } from "./lib/cli/app.ts";
import { denoHost } from "./lib/cli/host.ts";

if (import.meta.main) Deno.exitCode = await runCli(Deno.args, denoHost);
