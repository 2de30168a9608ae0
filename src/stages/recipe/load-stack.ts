/** Finds and loads the file of a stack. */
import { existsSync, globSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import { didYouMean, nearest } from '../../lib/yaml/nearest.ts';
import type { YamlFile } from '../../lib/yaml/yaml-file.ts';
import { checkStack } from './stack-faults.ts';
import { stackSchema, type Stack } from './stack-schema.ts';
import { openYaml } from './yaml.ts';

export interface LoadedStack {
  stack: Stack;
  /** Absolute path of the file. */
  path: string;
  /** The file itself, for what is found wrong with it later. */
  file: YamlFile;
}

const schema = stackSchema.superRefine(checkStack);

/** Throws STACK_NOT_FOUND, and STACK_INVALID with file and line of each fault. */
export async function loadStack(nameOrPath: string): Promise<LoadedStack> {
  const path = locate(nameOrPath);
  const codes = { invalid: 'STACK_INVALID', missing: 'STACK_NOT_FOUND' } as const;
  const { data: stack, file } = await openYaml(path, schema, codes);
  const fileName = `${stack.name}.stack.yaml`;
  if (basename(path) === fileName) return { stack, path, file };
  throw file.wrong({ keys: ['name'], text: `the file of ${stack.name} must be called ${fileName}` });
}

const places = ['.', 'recipes/stacks', 'recipes', 'stacks'];

function locate(nameOrPath: string): string {
  const file = nameOrPath.endsWith('.yaml') ? nameOrPath : `${nameOrPath}.yaml`;
  const candidates = places.map((place) => resolve(place, file));
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found !== undefined) return found;
  const names = places.flatMap((place) => globSync('*.stack.yaml', { cwd: place }));
  const suggestion = nearest(basename(file), names)?.replace(/\.yaml$/, '');
  const text = `no stack ${nameOrPath}: looked for ${candidates.map(shownPath).join(', ')}`;
  throw new MillinerError('STACK_NOT_FOUND', text, {
    ...(suggestion !== undefined && { hint: didYouMean(suggestion), details: { suggestion } }),
  });
}
