/** Repositories of registries, as commands name them that work on all tags of one. */
import { MillinerError } from '../../lib/errors/error.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import type { RunOptions } from '../state/context.ts';

export interface Repository {
  client: RegistryClient;
  /** HOST/REPOSITORY */
  name: string;
  repository: string;
}

/** In the given order, without duplicates. Throws REFERENCE_INVALID, CREDENTIALS_INVALID. */
export async function openRepositories(
  texts: readonly string[],
  { plainHttp, progress, signal }: { plainHttp: boolean } & Pick<RunOptions, 'progress' | 'signal'>,
): Promise<Repository[]> {
  const names = [...new Set(texts.map(repositoryName))];
  const report = (sentence: string) => progress.warn(sentence);
  return Promise.all(
    names.map(async (name) => {
      const { registry, repository } = parseReference(name);
      const client = await RegistryClient.open({ registry, repository, plainHttp, report, signal });
      return { client, name, repository };
    }),
  );
}

function repositoryName(text: string): string {
  const { registry, repository, tag, digest } = parseReference(text);
  if (tag === undefined && digest === undefined) return showReference({ registry, repository });
  throw new MillinerError('REFERENCE_INVALID', `${text} names an image: give the repository alone`, {
    hint: 'Write it as HOST[:PORT]/REPOSITORY.',
    details: { reference: text },
  });
}
