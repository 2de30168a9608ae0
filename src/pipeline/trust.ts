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
  workDirectory: string,
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
    const pathOf = ({ sha256 }: LockedPackage) => files.get(sha256)!;
    const isChecked = (one: LockedPackage) =>
      repository.gpgcheck && !recipe.allow.unsigned.includes(one.name);
    const [signed = [], unsigned = []] = [true, false].map((wanted) =>
      members.filter((one) => isChecked(one) === wanted).map(pathOf),
    );
    try {
      await verifySignatures(signed, {
        keys: repository.keys,
        workDirectory,
        ...(context.signal && { signal: context.signal }),
      });
      await verifyDigests(unsigned, context.signal, workDirectory);
    } catch (error) {
      throw named(error, repository, new Map(members.map((one) => [pathOf(one), one.nevra])));
    }
  }
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
