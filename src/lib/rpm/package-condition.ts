/** Conditions on packages, as people ask for them: `NAME`, or `NAME OP [EPOCH:]VERSION[-RELEASE]`. */
import { MillinerError } from '../errors/error.ts';
import { parseEvr, rpmvercmp, type Evr } from './evr.ts';
import type { Nevra } from './package.ts';

const operators = ['<', '<=', '=', '>=', '>'] as const;

export interface PackageCondition {
  name: string;
  comparison?: { operator: (typeof operators)[number]; evr: Evr };
}

const nameForm = /^[A-Za-z0-9][\w.+-]{0,250}$/;
/** No dash but the one before the release, which rpm allows in neither of them. */
const evrForm = /^(?:\d{1,10}:)?[A-Za-z0-9._+~^]{1,128}(?:-[A-Za-z0-9._+~^]{1,128})?$/;
const grammar = /^\s*(\S+?)(?:\s*(<=|>=|==|[<>=])\s*(\S+))?\s*$/;

/** Throws USAGE. */
export function parseCondition(text: string): PackageCondition {
  const [, name = '', sign, evr] = grammar.exec(text) ?? [];
  if (!nameForm.test(name)) throw refused(text, 'it does not begin with the name of a package');
  if (sign === undefined || evr === undefined) return { name };
  if (!evrForm.test(evr)) throw refused(text, `${evr} is not a version as rpm writes it`);
  const operator = operators.find((one) => one === sign) ?? '=';
  return { name, comparison: { operator, evr: parseEvr(evr) } };
}

/**
 * Compares by rpm's order. A part that the condition does not give is not compared: without a release `= 3.2` is any
 * release of 3.2, as in rpm. Without an epoch any epoch matches, which rpm takes for 0: few people know that openssl has
 * an epoch, and a vulnerable image that is left out costs more than one that is listed for nothing.
 */
export function meetsCondition(one: Nevra, { name, comparison }: PackageCondition): boolean {
  if (one.name !== name) return false;
  if (!comparison) return true;
  const { operator, evr } = comparison;
  const sign =
    (evr.epoch === undefined ? 0 : rpmvercmp(String(one.epoch), evr.epoch)) ||
    rpmvercmp(one.version, evr.version) ||
    (evr.release === undefined ? 0 : rpmvercmp(one.release, evr.release));
  if (sign === 0) return operator.includes('=');
  return operator.startsWith(sign < 0 ? '<' : '>');
}

function refused(text: string, reason: string): MillinerError {
  return new MillinerError('USAGE', `${JSON.stringify(text)} is not a condition: ${reason}`, {
    hint: "Write it as 'NAME' or 'NAME < [EPOCH:]VERSION[-RELEASE]', with one of <, <=, =, >=, >.",
  });
}
