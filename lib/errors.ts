/**
 * Errors. An {@link EpassError} says that the input is at fault and where; an {@link InvariantError} says that epass
 * is. A message names the action that failed, a colon, then the state:
 * `cannot decode instruction 17: unknown opcode 0x8f`.
 *
 * @module
 */

/** Where in the input an error lies; a field is absent when it has no meaning for that input. */
export interface ErrorPlace {
  /** Name of the input, usually a file name. */
  readonly input?: string | undefined;
  /** Name of the ELF section. */
  readonly section?: string | undefined;
  /** Name of the function. */
  readonly function?: string | undefined;
  /** Index of the instruction in its function or stream, in 8-byte slots. */
  readonly pc?: number | undefined;
  /** Offset in bytes from the start of the input or section. */
  readonly offset?: number | undefined;
  /** Line of a text input, from 1. */
  readonly line?: number | undefined;
  /** Column of a text input, from 1. */
  readonly column?: number | undefined;
}

/** The input is at fault: malformed, unsupported or inconsistent. */
export class EpassError extends Error {
  /** Name of the class. */
  override name = "EpassError";
  /** Where the fault lies. */
  readonly place: ErrorPlace;

  /**
   * Makes an error.
   *
   * @param message The failed action, a colon, then the state found.
   * @param place Where the fault lies.
   */
  constructor(message: string, place: ErrorPlace = {}) {
    super(message);
    this.place = place;
  }
}

/** Bytes that are not a valid encoding: an instruction, an ELF structure, BTF. */
export class DecodeError extends EpassError {
  /** Name of the class. */
  override name = "DecodeError";
}

/** Text that does not parse: assembly, `.epir`, a dump. */
export class ParseError extends EpassError {
  /** Name of the class. */
  override name = "ParseError";
}

/** A valid input that epass cannot process, with the reason. */
export class UnsupportedError extends EpassError {
  /** Name of the class. */
  override name = "UnsupportedError";
}

/** A defect of epass: an internal invariant does not hold. */
export class InvariantError extends Error {
  /** Name of the class. */
  override name = "InvariantError";
}

/**
 * Runs a step so that what it throws says where.
 *
 * @param place Where the step is.
 * @param step The step.
 * @returns What it returns.
 * @throws {EpassError} What it throws, with the place if it had none.
 */
export function placing<T>(place: ErrorPlace, step: () => T): T {
  try {
    return step();
  } catch (error) {
    if (!(error instanceof EpassError) || Object.keys(error.place).length > 0) throw error;
    const { message } = error;
    throw error instanceof UnsupportedError
      ? new UnsupportedError(message, place)
      : new EpassError(message, place);
  }
}

/**
 * Throws an {@link InvariantError} unless a condition holds.
 *
 * @param condition What must be true.
 * @param message What does not hold otherwise.
 * @throws {InvariantError} If the condition is false.
 */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}
