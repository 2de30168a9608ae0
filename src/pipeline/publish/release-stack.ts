/** For `release NAME.stack`: its images are released first; then the stack is booted, unless it was, and published. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { isDigest } from '../../lib/oci/digest.ts';
import { fillReferences } from '../../stages/recipe/fill-references.ts';
import { loadStack, type LoadedStack } from '../../stages/recipe/load-stack.ts';
import { stackFailure } from '../instance/boot-result.ts';
import { bootStack } from '../instance/boot-stack.ts';
import { isStackName } from '../instance/stack-words.ts';
import { resolveStack } from '../instance/resolve-stack.ts';
import type { Context } from '../state/context.ts';
import { readStackVerdict } from '../state/stack-records.ts';
import { publishStack } from './publish-stack.ts';
import type { Published, PublishOptions } from './publish.ts';

export interface ToRelease {
  /** Paths, or names in ./recipes. */
  recipes: string[];
  stacks: LoadedStack[];
}

/**
 * Tells recipes and stacks apart; the recipes of the stacks' images are among the former. Throws STACK_NOT_FOUND,
 * STACK_INVALID, USAGE, REFERENCE_INVALID: before anything is queued.
 */
export async function toRelease(words: readonly string[], to: readonly string[]): Promise<ToRelease> {
  const stacks = await Promise.all(words.filter(isStackName).map(loadStack));
  for (const stack of stacks) referencesOf(stack, to);
  const recipes = words.filter((word) => !isStackName(word));
  return { recipes: [...new Set([...recipes, ...stacks.flatMap(recipesOf)])], stacks };
}

/** Those beside the stack's file or above it, by their paths. Images of others have no recipe. */
function recipesOf({ stack, path }: LoadedStack): string[] {
  const images = Object.values(stack.services).map(({ image }) => image);
  const places = [dirname(path), dirname(dirname(path))];
  return images.flatMap((image) => {
    if (typeof image !== 'string' || isDigest(image)) return [];
    const files = places.map((place) => join(place, `${image}.yaml`));
    return files.find((file) => existsSync(file)) ?? image;
  });
}

/** Throws BOOT_FAILED, IMAGE_NOT_FOUND, and what publishing a stack throws. */
export async function releaseStack(
  context: Context,
  loaded: LoadedStack,
  options: Omit<PublishOptions, 'arches'>,
): Promise<Published> {
  const toRun = await resolveStack(context, loaded);
  const { stack } = toRun;
  const verdict = (await readStackVerdict(context.state, stack)) ?? (await bootStack(context, toRun));
  if (!verdict.passed) throw stackFailure(verdict);
  const to = referencesOf(loaded, options.to).map((text) => text.replaceAll('{{arch}}', stack.arch));
  return publishStack(context, toRun, { ...options, to });
}

/** An image of the stack's name would get the same tag. */
function referencesOf({ stack, path }: LoadedStack, given: readonly string[]): string[] {
  const images = Object.values(stack.services).map(({ image }) => image);
  if (given.length > 0 && images.includes(stack.name))
    throw new MillinerError('USAGE', `the stack ${stack.name} and its image of that name would get one tag`, {
      hint: 'Leave --to out, and say publish: {to, tags} in the stack and in the recipe.',
    });
  return fillReferences(stack, path, given);
}
