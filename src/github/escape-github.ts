/** Text of packages on a page of GitHub: nothing of it is markup, and it names no person, issue or pull request. */
import { escapers } from '../stages/report/escape-text.ts';

const zeroWidthSpace = '\u200B';

/** GitHub reads GH-12 as the issue 12, when no escape is left. */
export function escapeGithub(text: string): string {
  return escapers
    .markdown(text)
    .replaceAll(/\bGH-(?=\d)/gi, (sign) => `${sign.slice(0, 2)}${zeroWidthSpace}-`);
}

/** As a person reads it in one row of a table. */
export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`;
}
