/** Looks into schemas of files: which keys and values they take at a place. */
import type { z } from 'zod';

export type Schema = z.core.$ZodType;

type Definition = z.core.$ZodTypes['_zod']['def'];
export const definitionOf = ({ _zod: { def } }: Schema) => def as Definition;

/** What the file itself has to hold: without defaults, and before any transformation. */
export function bare(schema: Schema): Schema {
  const def = definitionOf(schema);
  if (def.type === 'pipe') return bare(def.in);
  return 'innerType' in def ? bare(def.innerType) : schema;
}

/** The alternatives of a union, of which unions may be part too; or the one schema. */
export function alternatives(schema: Schema): Schema[] {
  const inner = bare(schema);
  const def = definitionOf(inner);
  return def.type === 'union' ? def.options.flatMap(alternatives) : [inner];
}

/** What may stand at the path of a key. */
export function schemasAt(root: Schema, keys: readonly string[]): Schema[] {
  return keys.reduce<Schema[]>(
    (schemas, key) => schemas.flatMap((one) => alternatives(one).flatMap((each) => childOf(each, key))),
    [root],
  );
}

function childOf(schema: Schema, key: string): Schema[] {
  const def = definitionOf(schema);
  if (def.type === 'array') return /^\d+$/.test(key) ? [def.element] : [];
  if (def.type === 'record') return [def.valueType];
  if (def.type !== 'object' || !Object.hasOwn(def.shape, key)) return [];
  return [def.shape[key]!];
}

/** The keys of maps that may stand here, in the order of the schema. */
export function keysOf(schemas: readonly Schema[]): string[] {
  return [...new Set(schemas.flatMap(alternatives).flatMap((one) => Object.keys(shapeOf(one))))];
}

/** The keys of a map; none for anything else. */
export function shapeOf(schema: Schema): Readonly<Record<string, Schema>> {
  const def = definitionOf(schema);
  return def.type === 'object' ? def.shape : {};
}

/** Whether a file may do without it. */
export const isOptional = ({ _zod: { optin } }: Schema) => optin !== undefined;

/** What counts where a file does without it; undefined if that is nothing, or a map whose keys have defaults. */
export function defaultOf(schema: Schema): unknown {
  const def = definitionOf(schema);
  if (def.type === 'default') return def.defaultValue;
  return 'innerType' in def && def.type !== 'prefault' ? defaultOf(def.innerType) : undefined;
}

/** The words that a value can be chosen from; none if it is free. */
export function wordsIn(schema: Schema): string[] {
  return alternatives(schema).flatMap((one) => {
    const def = definitionOf(one);
    if (def.type === 'enum') return Object.values(def.entries).map(String);
    return def.type === 'literal' ? def.values.map(String) : [];
  });
}

/** Paths of all keys of a schema with that name; entries of lists and names that the user chooses are left out. */
export function pathsTo(root: Schema, name: string, above: readonly string[] = []): string[] {
  return keysOf([root]).flatMap((key) => {
    const path = [...above, key];
    const below = schemasAt(root, [key]).flatMap((one) => pathsTo(one, name, path));
    return key === name ? [path.join('.'), ...below] : below;
  });
}
