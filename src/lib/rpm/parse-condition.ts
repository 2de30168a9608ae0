/** A condition on packages that a command was given. */
import { MillinerError } from '../errors/error.ts';
import { readCondition, type PackageCondition } from './package-condition.ts';

/** Throws USAGE. */
export function parseCondition(text: string): PackageCondition {
  const condition = readCondition(text);
  if (!('fault' in condition)) return condition;
  throw new MillinerError('USAGE', `${JSON.stringify(text)} is not a condition: ${condition.fault}`, {
    hint: "Write it as 'NAME' or 'NAME < [EPOCH:]VERSION[-RELEASE]', with one of <, <=, =, >=, >.",
  });
}
