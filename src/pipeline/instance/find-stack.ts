/** Finds the stack that a word of the command line means. */
import { MillinerError } from '../../lib/errors/error.ts';
import { loadStack } from '../../stages/recipe/load-stack.ts';
import type { Context } from '../state/context.ts';
import { pullStack, type PullOptions } from './pull-stack.ts';
import { resolveStack, type StackToRun } from './resolve-stack.ts';

/** Whether a word means a stack: NAME.stack, or the path of NAME.stack.yaml. */
export function isStackName(word: string): boolean {
  return /\.stack(?:\.yaml)?$/.test(word);
}

/** Whether a word means a published stack: HOST/REPOSITORY with a tag or digest. No name of an image has a slash. */
export function isStackReference(word: string): boolean {
  return word.includes('/') && !isStackName(word);
}

/** Throws STACK_NOT_FOUND, STACK_INVALID, IMAGE_NOT_FOUND, and for a reference what pullStack throws. */
export async function findStack(
  context: Context,
  word: string,
  options: PullOptions = { plainHttp: false, secretFiles: {} },
): Promise<StackToRun> {
  if (isStackReference(word)) return pullStack(context, word, options);
  const found = await resolveStack(context, await loadStack(word));
  return { ...found, secretFiles: { ...found.secretFiles, ...options.secretFiles } };
}

/** Of NAME=FILE each. Throws USAGE. */
export function secretFilesOf(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const [, name, file] = /^([a-z][a-z0-9_-]*)=(.+)$/.exec(text) ?? [];
      if (name === undefined || file === undefined)
        throw new MillinerError('USAGE', `--secret ${text} is not NAME=FILE`);
      return [name, file];
    }),
  );
}
