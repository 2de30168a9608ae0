/** Finds and loads the file of a stack. */
import { existsSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { checkStack } from './stack-faults.ts';
import { stackSchema, type Stack } from './stack-schema.ts';
import { readYaml } from './yaml.ts';

export interface LoadedStack {
  stack: Stack;
  /** Absolute path of the file. */
  path: string;
}

const schema = stackSchema.superRefine(checkStack);

/** Throws STACK_NOT_FOUND, and STACK_INVALID with file and line of each fault. */
export async function loadStack(nameOrPath: string): Promise<LoadedStack> {
  const path = locate(nameOrPath);
  const stack = await readYaml(path, schema, { invalid: 'STACK_INVALID', missing: 'STACK_NOT_FOUND' });
  const file = `${stack.name}.stack.yaml`;
  if (basename(path) === file) return { stack, path };
  throw new MillinerError(
    'STACK_INVALID',
    `${path}: name: the file of ${stack.name} must be called ${file}`,
    {
      details: { path },
    },
  );
}

function locate(nameOrPath: string): string {
  const file = nameOrPath.endsWith('.yaml') ? nameOrPath : `${nameOrPath}.yaml`;
  const candidates = ['.', 'recipes/stacks', 'recipes', 'stacks'].map((place) => resolve(place, file));
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found !== undefined) return found;
  throw new MillinerError('STACK_NOT_FOUND', `no stack ${nameOrPath}: looked for ${candidates.join(', ')}`);
}
