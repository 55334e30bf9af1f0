/**
 * Helpers of programs that trace or change functions: what the caller says of the function, and what is only noted.
 *
 * @module
 */

import { failure, type HelperBodies, type HelperFactory, s32, u32, u64 } from "./body.ts";

/** The highest number of a signal. */
const MAX_SIGNAL = 64;

const functionArgument: HelperFactory = ({ memory, run }) => (_context, _r1, r2, r3) => {
  const index = u32(r2);
  if (index >= run.args.length) return failure("EINVAL");
  memory.store(r3, 8, run.args[index]);
  return 0n;
};

const functionResult: HelperFactory = ({ memory, run }) => (_context, _r1, r2) => {
  if (run.returned === null) return failure("EOPNOTSUPP");
  memory.store(r2, 8, run.returned);
  return 0n;
};

const signal = (name: string): HelperFactory => ({ records }) => (_context, r1) => {
  const number = u32(r1);
  if (number > MAX_SIGNAL) return failure("EINVAL");
  records.act(name, BigInt(number));
  return 0n;
};

/** Helpers of programs that trace or change functions. */
export const TRACING_HELPERS: HelperBodies = {
  get_func_ip: ({ run }) => () => run.functionAddress,
  get_func_arg: functionArgument,
  get_func_arg_cnt: ({ run }) => () => BigInt(run.args.length),
  get_func_ret: functionResult,
  get_attach_cookie: ({ run }) => () => run.cookie,
  send_signal: signal("send_signal"),
  send_signal_thread: signal("send_signal_thread"),
  override_return: ({ records }) => (_context, _r1, r2) => {
    records.act("override_return", u64(r2));
    return 0n;
  },
  set_retval: ({ records, run }) => (_context, r1) => {
    const value = s32(r1);
    records.act("set_retval", BigInt(value));
    run.returned = BigInt(value);
    return 0n;
  },
  get_retval: ({ run }) => () => run.returned ?? 0n,
};
