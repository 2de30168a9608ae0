/** Every package is held against the keys of the repository that it came from, before rpm sees it. */
import { MillinerError } from '../errors.ts';
import type { LockedPackage } from '../lock/lock.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import type { Repository } from '../recipe/schema.ts';
import { verifyDigests, verifySignatures, type BadPackage } from '../rpm/signature.ts';
import type { Context } from './context.ts';

/** Throws SIGNATURE_INVALID naming every bad package and why. */
export async function checkTrust(
  context: Context,
  { recipe, path }: LoadedRecipe,
  packages: LockedPackage[],
  files: Map<string, string>,
): Promise<void> {
  context.progress.step(`checking the signatures of ${packages.length} packages`);
  const repositories = new Map(recipe.repos.map((repo) => [repo.name, repo]));
  for (const [name, members] of Map.groupBy(packages, ({ repo }) => repo)) {
    const repository = repositories.get(name);
    if (!repository) {
      throw new MillinerError(
        'LOCK_STALE',
        `${path}: the lock has packages from ${name}, which the recipe does not name`,
      );
    }
    const names = new Map(members.map(({ sha256, nevra }) => [files.get(sha256)!, nevra]));
    await checkRepository(context, repository, names).catch((error: unknown) => {
      throw named(error, repository, names);
    });
  }
}

async function checkRepository(
  { signal }: Context,
  { keys, gpgcheck }: Repository,
  names: Map<string, string>,
): Promise<void> {
  const stop = signal ? { signal } : {};
  if (gpgcheck) await verifySignatures([...names.keys()], { keys, ...stop });
  else await verifyDigests([...names.keys()], signal);
}

/** In the store a file is called by its digest: people know packages by their names. */
function named(error: unknown, repository: Repository, names: Map<string, string>): unknown {
  if (!(error instanceof MillinerError) || error.code !== 'SIGNATURE_INVALID') return error;
  const bad = (error.details['packages'] as BadPackage[]).map(({ path, problem, message }) => ({
    package: names.get(path) ?? path,
    problem,
    message,
  }));
  const text = bad.map((one) => `${one.package} from ${repository.name} ${one.message}`).join('\n');
  return new MillinerError('SIGNATURE_INVALID', text, {
    cause: error,
    details: { repository: repository.name, packages: bad },
  });
}
