/**
 * Says in plain English what a schema refuses. A message that a schema has for a form of text is a noun, behind
 * "expected"; one of a refinement is a sentence.
 */
import { safeParse, type z } from 'zod';
import type { Wrong } from './mistakes.ts';
import { nearest } from './nearest.ts';
import { formats, foundNoun, joined, nounOf } from './nouns.ts';
import {
  alternatives,
  definitionOf,
  isOptional,
  keysOf,
  pathsTo,
  schemasAt,
  shapeOf,
  wordsIn,
  type Schema,
} from './schema-shape.ts';
import { closestIssues, isMap } from './union-issues.ts';

export interface SchemaMistake extends Wrong {
  keys: string[];
  /** Whether the key itself is wrong, and not what it has. */
  isKey: boolean;
  /** Whether there is nothing where something is expected. */
  isMissing?: boolean;
}

type Issue = z.core.$ZodIssue;

/** Longer lists of mistakes help no user. */
export const maxMistakes = 100;

/** In place of the library's own messages, so that those of the schemas are told apart. */
const unsaid = '';

export function checkData<T extends z.ZodType>(
  schema: T,
  data: unknown,
): { data: z.output<T> } | { mistakes: SchemaMistake[] } {
  const result = schema.safeParse(data, { error: () => unsaid });
  if (result.success) return { data: result.data };
  const issues = result.error.issues.slice(0, maxMistakes);
  const mistakes = issues.flatMap((issue) => mistakesOf({ schema, data }, issue, []));
  return { mistakes: withoutConsequences(mistakes).slice(0, maxMistakes) };
}

/** A key that is written wrongly, or at another place, is missing where it belongs: that is one mistake. */
function withoutConsequences(mistakes: readonly SchemaMistake[]): SchemaMistake[] {
  const meant = mistakes
    .filter(({ isKey, suggestion }) => isKey && suggestion !== undefined)
    .map(({ keys, suggestion = '' }) =>
      suggestion.includes('.') ? suggestion : [...keys.slice(0, -1), suggestion].join('.'),
    );
  const isConsequence = ({ keys, isMissing }: SchemaMistake) => {
    const key = keys.join('.');
    return isMissing === true && meant.some((one) => one === key || one.startsWith(`${key}.`));
  };
  return mistakes.filter((one) => !isConsequence(one));
}

interface Subject {
  schema: Schema;
  data: unknown;
}

function mistakesOf(subject: Subject, issue: Issue, above: readonly string[]): SchemaMistake[] {
  const keys = [...above, ...issue.path.map(String)];
  if (issue.code === 'unrecognized_keys')
    return issue.keys
      .slice(0, maxMistakes)
      .map((key) => ({ keys: [...keys, key], isKey: true, ...unknownKey(subject, keys, key) }));
  const value = valueAt(subject.data, keys);
  if (issue.code === 'invalid_union' && (issue.message === unsaid || isMap(value))) {
    const closest = closestIssues(issue.errors, value);
    if (closest) return closest.flatMap((one) => mistakesOf(subject, one, keys));
    return [noAlternative(schemasAt(subject.schema, keys), value, keys)];
  }
  const isMissing = value === undefined || value === null;
  return [{ keys, isKey: issue.code === 'invalid_key', isMissing, ...wordsOf(subject, issue, keys) }];
}

/** A key that the map does not have; perhaps one that belongs elsewhere, which a wrong indentation makes too. */
function unknownKey({ schema }: Subject, keys: readonly string[], key: string): Wrong {
  const maps = schemasAt(schema, keys).flatMap(alternatives);
  const known = keysOf(maps);
  const text = 'there is no such key';
  if (known.includes(key)) {
    const kinds = maps
      .filter((one) => Object.hasOwn(shapeOf(one), key))
      .flatMap((one) => requiredKeys(one)[0] ?? []);
    return { text: `this key does not go with the others`, note: `${key} goes with ${joined(kinds)}` };
  }
  const suggestion = nearest(key, known);
  if (suggestion !== undefined) return { text, suggestion };
  const [place] = pathsTo(schema, key);
  if (place !== undefined) {
    const parent = place.split('.').slice(0, -1).join('.');
    const where = parent === '' ? 'at the top level, without indentation' : `below ${parent}`;
    return { text, suggestion: place, note: `${key} belongs ${where}` };
  }
  return { text, note: `the keys here are ${known.join(', ')}` };
}

/** No alternative is close: what there is to choose from. */
function noAlternative(schemas: readonly Schema[], value: unknown, keys: string[]): SchemaMistake {
  const maps = schemas.flatMap(alternatives).filter((one) => Object.keys(shapeOf(one)).length > 0);
  if (!isMap(value) || maps.length === 0) {
    const suggestion = typeof value === 'string' ? nearest(value, schemas.flatMap(wordsIn)) : undefined;
    const expected = joined([...new Set(schemas.map(nounOf))]);
    return { keys, isKey: false, text: `expected ${expected}, found ${foundNoun(value)}`, suggestion };
  }
  const kinds = maps.map((one) => requiredKeys(one)[0]).filter((one) => one !== undefined);
  const [unknown] = Object.keys(value).filter((key) => !keysOf(maps).includes(key));
  const said = `expected one of ${[...new Set(kinds)].join(', ')}`;
  if (unknown === undefined) return { keys, isKey: false, text: said };
  const suggestion = nearest(unknown, kinds);
  return { keys: [...keys, unknown], isKey: true, text: `${said}; found ${unknown}`, suggestion };
}

const requiredKeys = (schema: Schema) =>
  Object.entries(shapeOf(schema)).flatMap(([key, one]) => (isOptional(one) ? [] : [key]));

function wordsOf({ schema, data }: Subject, issue: Issue, keys: readonly string[]): Wrong {
  const value = valueAt(data, keys);
  if (issue.code === 'invalid_key') {
    const [inner] = issue.issues;
    return { text: `expected ${inner?.message || 'another name'}, found ${foundNoun(keys.at(-1))}` };
  }
  if (issue.code === 'custom') {
    const suggestion: unknown = issue.params?.['suggestion'];
    return {
      text: issue.message || 'this is not valid',
      ...(typeof suggestion === 'string' && { suggestion }),
    };
  }
  if (issue.code === 'too_big' || issue.code === 'too_small') {
    const text = amountWords(issue);
    if (text !== undefined) return { text };
  }
  if (issue.code === 'invalid_value') return enumWords(issue.values.map(String), value);
  const schemas = schemasAt(schema, keys);
  if (keys.length === 0) return { text: `expected keys with values, found ${foundNoun(value)}` };
  const sameKind = schemas.flatMap(alternatives).filter((one) => takes(one, value));
  const nouns = [...new Set((sameKind.length > 0 ? sameKind : schemas).map(nounOf))];
  const own = issue.code === 'invalid_format' ? formats[issue.format] : undefined;
  const expected = issue.message || own || joined(nouns);
  if (value === undefined) return { text: `this key is missing: expected ${expected}` };
  return { text: `expected ${expected}, found ${foundNoun(value)}`, ...rewritten(schemas, issue, value) };
}

function amountWords(issue: z.core.$ZodIssueTooBig | z.core.$ZodIssueTooSmall): string | undefined {
  const [isBig, limit] =
    issue.code === 'too_big' ? [true, Number(issue.maximum)] : [false, Number(issue.minimum)];
  const unit = { array: 'entries', string: 'characters', map: 'entries', record: 'entries' }[
    issue.origin as string
  ];
  if (unit === undefined) return undefined;
  if (isBig) return `there are more than ${limit} ${unit}`;
  return limit === 1 ? 'this is empty' : `there are fewer than ${limit} ${unit}`;
}

function enumWords(values: string[], value: unknown): Wrong {
  const expected = values.length === 1 ? values[0] : `one of ${values.join(', ')}`;
  if (value === undefined) return { text: `this key is missing: expected ${expected}` };
  const suggestion = typeof value === 'string' ? nearest(value, values) : undefined;
  return { text: `expected ${expected}, found ${foundNoun(value)}`, suggestion };
}

/** Whether it is the kind of value that the schema is about, such as a number. */
const takes = (schema: Schema, value: unknown) => definitionOf(schema).type === typeof value;

/** What YAML reads as something else than its author means. */
function rewritten(
  schemas: readonly Schema[],
  issue: Issue,
  value: unknown,
): Pick<Wrong, 'suggestion' | 'note'> {
  const isWord = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  if (issue.code !== 'invalid_type' || !isWord) return {};
  if (issue.expected === 'array') return { suggestion: `[${value}]`, note: `write it as a list: [${value}]` };
  const isRight = schemas.some((one) => safeParse(one, String(value)).success);
  if (typeof value === 'string' || !isRight) return {};
  const kind = typeof value === 'number' ? 'a number' : 'true or false';
  return { note: `without quotes this is ${kind}: put it in quotes` };
}

/** Undefined where the data have no such key. */
function valueAt(data: unknown, keys: readonly string[]): unknown {
  return keys.reduce<unknown>(
    (at, key) =>
      at !== null && typeof at === 'object' && Object.hasOwn(at, key)
        ? at[key as keyof typeof at]
        : undefined,
    data,
  );
}
