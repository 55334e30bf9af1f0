/**
 * The bodies of helpers and kfuncs: tables by name.
 *
 * @module
 */

import type { Environment } from "../environment.ts";
import type { Helper } from "../machine.ts";

/** Makes the body of a helper or kfunc for an environment. */
export type HelperFactory = (env: Environment) => Helper;

/** Bodies by name: of helpers without `bpf_`, of kfuncs in full. */
export type HelperBodies = { readonly [name: string]: HelperFactory };
