/**
 * Fills untrusted templates with Handlebars. They can only produce text: no helper of the library writes to Milliner's
 * output, and no name reaches the properties of JavaScript's own objects.
 */
import Handlebars from 'handlebars';

// The package's types lack it.
const handlebars = Handlebars.create() as typeof Handlebars & { resetLoggedPropertyAccesses(): void };
handlebars.unregisterHelper('log');
// A message of the library becomes an error of the template. The library would print it, escape sequences included.
handlebars.logger.log = (_level: number, ...words: unknown[]) => {
  throw new Error(words.map(String).join(' '));
};

/** Throws an Error for an invalid template, and for a name that the values lack. */
export function fillTemplate(text: string, values: Record<string, unknown>): string {
  const options = { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: { log: false } };
  // Handlebars logs a refused name once and later omits it silently, so its memory is cleared.
  handlebars.resetLoggedPropertyAccesses();
  return handlebars.compile(text, options)(withoutPrototype(values));
}

/** Strict mode tests with `in`, which also finds inherited properties. */
function withoutPrototype<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPrototype) as T;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, field]) => [key, withoutPrototype<unknown>(field)]);
  return Object.assign(Object.create(null), Object.fromEntries(entries)) as T;
}
