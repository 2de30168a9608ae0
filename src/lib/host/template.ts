/**
 * Templates that others write, filled by Handlebars and by nothing that could do more than give text: no helper of the
 * library writes to our output, and no name leads to what JavaScript's own objects have.
 */
import Handlebars from 'handlebars';

// Not in its types.
const handlebars = Handlebars.create() as typeof Handlebars & { resetLoggedPropertyAccesses(): void };
handlebars.unregisterHelper('log');
// What the library has to say is an error of the template: it would write to stdout and stderr, escapes included.
handlebars.logger.log = (_level: number, ...words: unknown[]) => {
  throw new Error(words.map(String).join(' '));
};

/** Throws an Error where it is no template, and where it has a name that the values do not have. */
export function fillTemplate(text: string, values: Record<string, unknown>): string {
  const options = { strict: true, noEscape: true, knownHelpersOnly: true, knownHelpers: { log: false } };
  // It says only once what it refuses, and afterwards leaves it out in silence.
  handlebars.resetLoggedPropertyAccesses();
  return handlebars.compile(text, options)(withoutPrototype(values));
}

/** Strict means `in`, which finds what an object inherits. */
function withoutPrototype<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutPrototype) as T;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, field]) => [key, withoutPrototype<unknown>(field)]);
  return Object.assign(Object.create(null), Object.fromEntries(entries)) as T;
}
