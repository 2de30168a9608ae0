/** Finds the stack that a word of the command line means. */
import { loadStack } from '../../stages/recipe/load-stack.ts';
import type { Context } from '../state/context.ts';
import { pullStack, type PullOptions } from './pull-stack.ts';
import { resolveStack, type StackToRun } from './resolve-stack.ts';
import { isStackReference } from './stack-words.ts';

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
