/** Verifies every package with the keys of its repository, as it arrives and before rpm reads it. */
import { MillinerError } from '../../lib/errors/error.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import {
  verifyDigests,
  verifySignatures,
  type BadPackage,
  type SignatureProblem,
} from '../../lib/rpm/package-signature.ts';
import type { LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Repository } from '../../stages/recipe/schema.ts';
import type { Context } from '../state/context.ts';
import type { ArrivingPackages } from './arriving.ts';

/** Throws SIGNATURE_INVALID with every bad package of a repository and its problem, and LOCK_STALE. */
export async function checkTrust(
  context: Context,
  workDirectory: string,
  { recipe, path }: LoadedRecipe,
  packages: LockedPackage[],
  arriving: ArrivingPackages,
): Promise<void> {
  context.progress.step(`checking the signatures of ${packages.length} packages`);
  const repositories = new Map(recipe.repos.map((repo) => [repo.name, repo]));
  const groups = [...Map.groupBy(packages, ({ repo }) => repo)].map(([name, members]) => {
    const repository = repositories.get(name);
    if (repository) return { repository, members };
    throw new MillinerError(
      'LOCK_STALE',
      `${path}: the lock has packages from ${name}, which the recipe does not name`,
    );
  });
  await inParallel(groups, groups.length, context.signal, async ({ repository, members }, signal) => {
    const names = new Map<string, string>();
    const fileOf = (one: LockedPackage) => async () => {
      const file = await arriving.path(one);
      names.set(file, one.nevra);
      return file;
    };
    const isChecked = (one: LockedPackage) =>
      repository.gpgcheck && !recipe.allow.unsigned.includes(one.name);
    const [signed = [], unsigned = []] = [true, false].map((wanted) =>
      members.filter((one) => isChecked(one) === wanted).map(fileOf),
    );
    const options = { workDirectory, signal, headOf: (file: string) => arriving.head(file) };
    try {
      await verifySignatures(signed, { keys: repository.keys, ...options });
      await verifyDigests(unsigned, options);
    } catch (error) {
      throw withPackageNames(error, repository, names);
    }
  });
}

/** Hints for problems that a new key would not solve: the default hint sends the reader after one. */
const hints: Partial<Record<SignatureProblem, string>> = {
  unsigned:
    'Fetch a signed one from its maker, or allow this one by name in the recipe: allow: {unsigned: [NAME]}. The keys of the recipe do not matter here.',
  'no-digest':
    'Have its maker build it again: rpm writes all of these since 4.14. The keys of the recipe do not matter here.',
  'bad-digest': 'Fetch the package from its maker again: it was changed or damaged on its way.',
  truncated: 'Fetch the package from its maker again: it was cut short on its way.',
  'untrusted-signature':
    'Have its maker sign it again, with a key and an algorithm that rpm still accepts. The keys of the recipe do not matter here.',
  'expired-key':
    'Have its maker sign it again, or fetch the newest copy of the key: its expiry may have been extended.',
  'revoked-key': 'Have its maker sign it again with another key: the revoked one may be in the wrong hands.',
  'invalid-key':
    'Fetch the key from its maker again, with its names and self-signatures: without them it cannot be checked for revocation and expiry.',
  'other-key-use': 'Have its maker sign it with a key that is meant for signing (gpg: capability S).',
  'ambiguous-signature':
    'Fetch the package from its maker again: no signing program writes such a signature.',
  'early-key': 'Check the clocks of this host and of its maker, who may have to sign it again.',
};

/** Replaces paths in the store by package names, which people know. */
function withPackageNames(error: unknown, repository: Repository, names: Map<string, string>): unknown {
  if (!(error instanceof MillinerError) || error.code !== 'SIGNATURE_INVALID') return error;
  const bad = (error.details['packages'] as BadPackage[]).map(({ path, problem, message }) => ({
    package: names.get(path) ?? path,
    problem,
    message,
  }));
  const text = bad.map((one) => `${one.package} from ${repository.name} ${one.message}`).join('\n');
  const [problem, ...others] = new Set(bad.map((one) => one.problem));
  const hint = others.length === 0 ? hints[problem!] : undefined;
  return new MillinerError('SIGNATURE_INVALID', text, {
    cause: error,
    ...(hint !== undefined && { hint }),
    details: { repository: repository.name, packages: bad },
  });
}
