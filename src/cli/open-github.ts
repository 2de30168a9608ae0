/** The repository on GitHub that a release set names, with the credentials of the flags. */
import { connectGithub } from '../github/connect.ts';
import { readCredentials } from '../github/github-credentials.ts';
import type { Github } from '../github/github-api.ts';
import { MillinerError } from '../lib/errors/error.ts';
import type { RunOptions } from '../pipeline/state/context.ts';
import { loadSet, type LoadedSet } from '../stages/recipe/load-set.ts';
import { sourcesOf } from './github-flags.ts';

interface OpenedGithub {
  github: Github;
  loaded: LoadedSet;
  settings: NonNullable<LoadedSet['set']['github']>;
}

/** Throws USAGE for a set without a repository, and what connecting throws. */
export async function openGithub(
  options: Pick<RunOptions, 'progress' | 'signal'>,
  set: string | undefined,
  flags: Parameters<typeof sourcesOf>[0] & { 'max-wait': number },
): Promise<OpenedGithub> {
  const loaded = await loadSet(set);
  const settings = loaded.set.github;
  if (!settings)
    throw new MillinerError('USAGE', `${loaded.path} names no repository on GitHub`, {
      hint: 'Give it github: { repository: OWNER/NAME }.',
    });
  const credentials = await readCredentials(sourcesOf(flags));
  const { repository, url } = settings;
  const { progress, signal } = options;
  const maxWait = flags['max-wait'] * 60_000;
  const github = await connectGithub({ url, repository, credentials, progress, signal, maxWait });
  return { github, loaded, settings };
}
