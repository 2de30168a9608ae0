/** What the schema says of a key of recipes, with the words for it. */
import { nounOf } from '../../lib/yaml/nouns.ts';
import {
  alternatives,
  defaultOf,
  definitionOf,
  isOptional,
  keysOf,
  schemasAt,
  type Schema,
} from '../../lib/yaml/schema-shape.ts';
import { wordsOfKey, type KeyWords } from '../../stages/recipe/key-words.ts';
import { recipeSchema } from '../../stages/recipe/schema.ts';

export interface ExplainedKey extends KeyWords {
  key: string;
  type: string;
  required: boolean;
  /** Absent where there is none. */
  default?: unknown;
  /** Keys below it. */
  keys: { key: string; does: string }[];
}

/** Undefined where there is no such key. */
export function explainKey(key: string): ExplainedKey | undefined {
  const words = wordsOfKey(key);
  if (!words) return undefined;
  const path = key.split('.');
  const schemas = path.reduce<Schema[]>((found, part) => childrenOf(found, part), [recipeSchema]);
  const optional = schemas.every(isOptional);
  const standard = schemas.map(defaultOf).find((one) => one !== undefined);
  return {
    key,
    ...words,
    type: [...new Set(schemas.map(typeOf))].join(' or '),
    required: !optional,
    ...(standard !== undefined && { default: standard }),
    keys: keysOf(schemas.flatMap(entriesOf)).map((name) => ({
      key: name,
      does: wordsOfKey(`${key}.${name}`)?.does ?? '',
    })),
  };
}

/** All keys, each with those below it behind it. */
export function allKeys(): string[] {
  return below([recipeSchema], []);
}

function below(schemas: readonly Schema[], above: readonly string[]): string[] {
  return keysOf(schemas.flatMap(entriesOf)).flatMap((key) => {
    const path = [...above, key];
    return [path.join('.'), ...below(childrenOf(schemas, key), path)];
  });
}

const childrenOf = (schemas: readonly Schema[], key: string) =>
  schemas.flatMap(entriesOf).flatMap((one) => schemasAt(one, [key]));

/** Of a list what is in it: its entries have no name in the path of a key. */
function entriesOf(schema: Schema): Schema[] {
  return alternatives(schema).flatMap((one) => {
    const def = definitionOf(one);
    return def.type === 'array' ? entriesOf(def.element) : [one];
  });
}

function typeOf(schema: Schema): string {
  const types = alternatives(schema).map((one) => {
    const def = definitionOf(one);
    return def.type === 'array' ? `a list of: ${typeOf(def.element)}` : nounOf(one);
  });
  return [...new Set(types)].join(' or ');
}
