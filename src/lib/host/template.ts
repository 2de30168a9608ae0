/**
 * Fills untrusted templates with Handlebars. They can only produce text: no helper of the library writes to Milliner's
 * output, and no name reaches the properties of JavaScript's own objects.
 */
import { randomUUID } from 'node:crypto';
import Handlebars from 'handlebars';
import { TemplateError, templateErrorOf } from './template-error.ts';

// The package's types lack it.
const handlebars = Handlebars.create() as typeof Handlebars & { resetLoggedPropertyAccesses(): void };
handlebars.unregisterHelper('log');
// A message of the library becomes an error of the template. The library would print it, escape sequences included.
handlebars.logger.log = (_level: number, ...words: unknown[]) => {
  throw new Error(words.map(String).join(' '));
};

/** A map as a text: no template can know it. */
const ofMap = randomUUID();

/** Throws TemplateError for an invalid template, and for a name that the values lack. */
export function fillTemplate(text: string, values: Record<string, unknown>): string {
  const options = { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: { log: false } };
  // Handlebars logs a refused name once and later omits it silently, so its memory is cleared.
  handlebars.resetLoggedPropertyAccesses();
  let filled: string;
  try {
    filled = handlebars.compile(text, options)(withoutPrototype(values));
  } catch (error) {
    throw templateErrorOf(error as Error, ofMap);
  }
  if (filled.includes(ofMap)) throw new TemplateError('a value that it writes is a map, and no text', {});
  return filled;
}

/**
 * Strict mode tests with `in`, which also finds inherited properties. Its error has the object as a text: the names that
 * the object has.
 */
function withoutPrototype<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPrototype) as T;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, field]) => [key, withoutPrototype<unknown>(field)]);
  const names = { [Symbol.toPrimitive]: { value: () => `${ofMap}${JSON.stringify(Object.keys(value))}` } };
  return Object.assign(Object.create(null, names), Object.fromEntries(entries)) as T;
}
