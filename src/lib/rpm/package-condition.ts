/**
 * Conditions on packages, as people ask for them: `NAME`, or `NAME OP [EPOCH:]VERSION[-RELEASE]`. The pages of a site
 * answer them with this file, too (src/site/page-script.ts): it imports the order of versions alone.
 */
import { parseEvr, rpmvercmp, type Evr } from './version-order.ts';
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

/** The condition, or what is wrong with the text. */
export function readCondition(text: string): PackageCondition | { fault: string } {
  const [, name = '', sign, evr] = grammar.exec(text) ?? [];
  if (!nameForm.test(name)) return { fault: 'it does not begin with the name of a package' };
  if (sign === undefined || evr === undefined) return { name };
  if (!evrForm.test(evr)) return { fault: `${evr} is not a version as rpm writes it` };
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
