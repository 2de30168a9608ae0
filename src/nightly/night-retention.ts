/** Applies the retention rules of a set to the repositories that a night has published to. */
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf, type Failure } from '../lib/errors/wire.ts';
import { parseReference, showReference } from '../lib/registry/reference.ts';
import { applyRetention } from '../pipeline/publish/retention.ts';
import type { StateContext } from '../pipeline/state/context.ts';
import type { LoadedSet } from '../stages/recipe/load-set.ts';
import { publicKeyOf } from './night-members.ts';
import type { ImageInput } from './image-report.ts';

/** Where nothing was published, nothing is asked. What cannot be removed is told, and the night is as good. */
export async function applyRules(
  context: StateContext,
  loaded: LoadedSet,
  plainHttp: boolean,
  images: readonly ImageInput[],
): Promise<Failure[]> {
  const references = images.flatMap(({ outcome, references: published = [] }) =>
    outcome === 'published' ? published : [],
  );
  const { retention } = loaded.set;
  if (retention.length === 0 || references.length === 0) return [];
  const repositories = new Set(references.map(repositoryOf));
  try {
    const options = {
      repositories: [...repositories],
      rules: retention,
      key: publicKeyOf(loaded),
      plainHttp,
      now: Date.now(),
    };
    const { removed = [] } = await applyRetention(options, context);
    for (const { repository, digest } of removed) context.progress.step(`removed ${repository}@${digest}`);
    return [];
  } catch (error) {
    if (!(error instanceof MillinerError) || context.signal?.aborted === true) throw error;
    context.progress.warn(`${error.code}: ${error.message}`);
    return [failureOf(error)];
  }
}

function repositoryOf(text: string): string {
  const { registry, repository } = parseReference(text);
  return showReference({ registry, repository });
}
