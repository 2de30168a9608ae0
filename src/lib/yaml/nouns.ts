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

interface Bound {
  check: string;
  value: number;
  inclusive: boolean;
}

function numberNoun(schema: Schema): string {
  const def = definitionOf(schema) as { format?: string; checks?: { _zod: { def: object } }[] };
  const isWhole = def.format === 'safeint';
  const bounds = (def.checks ?? []).map((one) => one._zod.def as Bound);
  const [least, most] = ['greater_than', 'less_than'].map((kind) =>
    bounds.find(({ check }) => check === kind),
  );
  const kind = isWhole ? 'a whole number' : 'a number';
  if (least && most) return `${kind} from ${least.value} to ${most.value}`;
  if (least) return least.inclusive ? `${kind} of at least ${least.value}` : `${kind} above ${least.value}`;
  return most ? `${kind} of at most ${most.value}` : kind;
}

/** What the schema itself says of a text: the message of its format. */
function formOf(schema: Schema): string | undefined {
  const def = definitionOf(schema) as {
    error?: unknown;
    format?: string;
    checks?: { _zod: { def: unknown } }[];
  };
  const checks = [
    def,
    ...(def.checks ?? []).map((one) => one._zod.def as { error?: unknown; format?: string }),
  ];
  for (const { error, format } of checks) {
    const said = typeof error === 'function' ? (error as (issue: object) => unknown)({}) : undefined;
    if (format !== undefined && typeof said === 'string') return said;
    const known = format === undefined ? undefined : formats[format];
    if (known !== undefined) return known;
  }
  return undefined;
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
  const text = String(value);
  const shown = text.length > maxShown ? `${text.slice(0, maxShown)}…` : text;
  return typeof value === 'string' ? JSON.stringify(shown) : shown;
}

export function joined(words: readonly string[]): string {
  if (words.length < 3) return words.join(' or ');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
}
