/** Opens the repositories of a recipe in parallel, and finds their credentials and settings for fetching packages. */
import { join } from 'node:path';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Access } from '../../lib/http/access.ts';
import { durationOf } from '../../stages/recipe/quantities.ts';
import type { Recipe, Repository } from '../../stages/recipe/schema.ts';
import { accessOf } from '../../stages/repo/repository-access.ts';
import {
  openRepository,
  type OpenedRepository,
  type RepositoryDefinition,
} from '../../stages/repo/repository.ts';
import type { StateContext } from '../state/context.ts';
import { openShared } from './shared-repositories.ts';

/** Opening is mostly waiting for servers. */
const parallel = 8;

/** In the order of the recipe. */
export async function openAll(
  context: StateContext,
  recipe: Recipe,
  arch: string,
): Promise<OpenedRepository[]> {
  let done = 0;
  return inParallel(recipe.repos, parallel, context.signal, async (repository, signal) => {
    // A thousand recipes share what is opened once.
    if (!context.sharing) context.progress.step(`opening repository ${repository.name}`);
    const opened = await openOne({ ...context, signal }, recipe, repository, arch);
    context.progress.update('opening repositories', ++done, recipe.repos.length);
    return opened;
  });
}

export async function openOne(
  context: StateContext,
  { release }: Recipe,
  repository: Repository,
  arch: string,
): Promise<OpenedRepository> {
  const { state, progress, signal, offline, sharing, allowOlder = [] } = context;
  const definition = definitionOf(repository);
  const variables = { arch, release };
  const open = () =>
    openRepository(definition, join(state, 'metadata'), {
      ...variables,
      progress,
      signal: sharing ? sharing.signal : signal,
      offline,
      seenDir: join(state, 'seen'),
      allowOlder: allowOlder.includes(repository.name),
    });
  return sharing ? openShared(sharing, definition, variables, open) : open();
}

/**
 * Returns the settings for fetching packages of a repository, without opening it; the defaults for one that the recipe
 * does not have.
 */
export function accessTo(
  { offline }: StateContext,
  { repos, release }: Recipe,
  arch: string,
): (repository: string) => Promise<Access> {
  const found = new Map<string, Promise<Access>>();
  const look = async (name: string): Promise<Access> => {
    const repository = repos.find((one) => one.name === name);
    const access = repository && (await accessOf(definitionOf(repository), { arch, release }));
    return { origins: [], ...access, offline };
  };
  return async (name) => {
    const access = found.get(name) ?? look(name);
    found.set(name, access);
    return access;
  };
}

function definitionOf({ timeout, ...rest }: Repository): RepositoryDefinition {
  return { ...rest, timeout: timeout === undefined ? undefined : durationOf(timeout) };
}
