/** Every package is held against the keys of the repository that it came from, before rpm sees it. */
import { MillinerError } from '../errors.ts';
import type { LockedPackage } from '../lock/lock.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { verifySignatures } from '../rpm/signature.ts';
import type { Context } from './context.ts';

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
    await verifySignatures(
      members.map(({ nevra, sha256 }) => ({ nevra, path: files.get(sha256)! })),
      { keys: repository.keys, gpgcheck: repository.gpgcheck, signal: context.signal },
    );
  }
}
