/** What a schema takes and what a file has, in plain English. */
import { alternatives, bare, definitionOf, type Schema } from './schema-shape.ts';

/** Such as: a list; a whole number from 1 to 65535; one of zstd, gzip. */
export function nounOf(schema: Schema): string {
  const nouns = alternatives(schema).map(plainNoun);
  return joined([...new Set(nouns)]);
}

function plainNoun(schema: Schema): string {
  const def = definitionOf(bare(schema));
  switch (def.type) {
    case 'string': {
      return formOf(schema) ?? 'text';
    }
    case 'number': {
      return numberNoun(schema);
    }
    case 'boolean': {
      return 'true or false';
    }
    case 'array': {
      return 'a list';
    }
    case 'enum': {
      return `one of ${Object.values(def.entries).join(', ')}`;
    }
    case 'literal': {
      return def.values.map(String).join(' or ');
    }
    case 'object': {
      const [first = '', ...others] = Object.keys(def.shape);
      return others.length > 3 || first === '' ? 'a map' : `{ ${[first, ...others].join(', ')} }`;
    }
    case 'record': {
      return 'a map';
    }
    default: {
      return 'a value';
    }
  }
}

interface Bound extends Check {
  check: string;
  value: number;
  inclusive: boolean;
}

function numberNoun(schema: Schema): string {
  const [{ format } = {}, ...checks] = checksOf(schema);
  const bounds = checks as Bound[];
  const [lower, upper] = ['greater_than', 'less_than'].map((kind) =>
    bounds.find(({ check }) => check === kind),
  );
  const kind = format === 'safeint' ? 'a whole number' : 'a number';
  if (lower && upper) return `${kind} from ${lower.value} to ${upper.value}`;
  if (lower) return lower.inclusive ? `${kind} of at least ${lower.value}` : `${kind} above ${lower.value}`;
  return upper ? `${kind} of at most ${upper.value}` : kind;
}

/** What the schema itself says of a text: the message of its format. */
function formOf(schema: Schema): string | undefined {
  for (const { error, format } of checksOf(schema)) {
    const said = error?.({});
    if (format !== undefined && typeof said === 'string') return said;
    const known = format === undefined ? undefined : formats[format];
    if (known !== undefined) return known;
  }
  return undefined;
}

interface Check {
  error?: (issue: object) => unknown;
  format?: string;
}

/** The schema's own definition, which may be a check itself, and those of its checks. */
function checksOf(schema: Schema): Check[] {
  const own = definitionOf(schema) as object as Check & { checks?: { _zod: { def: Check } }[] };
  return [own, ...(own.checks ?? []).map(({ _zod: { def } }) => def)];
}

/** Forms of texts that Zod knows by itself. */
export const formats: Readonly<Record<string, string>> = {
  url: 'a URL',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
};

/** Longer texts would hide what is said of them. */
const maxShown = 40;

/** What the file has, as its author would call it. */
export function foundNoun(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a map';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const shown = text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
  return typeof value === 'string' ? JSON.stringify(shown) : shown;
}

export function joined(words: readonly string[]): string {
  if (words.length < 3) return words.join(' or ');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
