/**
 * The part of the fuzzer that runs the cases, so that `fuzz.ts` can watch it from outside.
 *
 * @module
 */

import { type CaseReport, type Cases, runCase } from "./fuzz_case.ts";
import { Inputs } from "./fuzz_inputs.ts";

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Cases>) => void;
  postMessage: (report: CaseReport) => void;
};

scope.onmessage = ({ data }) => {
  const inputs = new Inputs(data.shared);
  for (let number = data.first; number < data.end; number++) {
    scope.postMessage(runCase(inputs, data, number));
  }
};
