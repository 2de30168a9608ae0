/**
 * Text of others for pages: names, summaries and log lines come from packages, registries and instances. Handlebars
 * escapes what is markup; what could reorder, hide or drown the text around it is taken out here.
 */
import { printable } from '../lib/host/printable.ts';

/** Characters. A line of a log may have a megabyte. */
const maxLength = 1500;
const plain = /^[\x20-\x7e]*$/;
/** HTML calls them errors. */
const noncharacters = /\p{Noncharacter_Code_Point}/gu;

export function pageText(text: string): string {
  const cut =
    text.length <= maxLength
      ? text
      : `${text.slice(0, maxLength)} … (${text.length - maxLength} more characters)`;
  if (plain.test(cut)) return cut;
  return printable(cut.replaceAll('\r\n', '\n').toWellFormed()).replaceAll(noncharacters, '\uFFFD');
}

/** Every string of a view. What needs no change is not copied: the views of a thousand images are millions of strings. */
export function pageTexts<T>(value: T): T {
  if (typeof value === 'string') return pageText(value) as T;
  if (value === null || typeof value !== 'object') return value;
  let changed: Record<string, unknown> | undefined;
  for (const key of Object.keys(value)) {
    const before = (value as Record<string, unknown>)[key];
    const after = pageTexts(before);
    if (after === before) continue;
    changed ??= (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
    changed[key] = after;
  }
  return (changed ?? value) as T;
}
