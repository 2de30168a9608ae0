/** Names of units, programs and users in a recipe that no package of its lock has. */
import type { WrongKey } from '../../lib/yaml/yaml-file.ts';
import type { Lock } from '../../stages/lock/lock-file.ts';
import { isCertain, wrongServices, wrongTest } from '../../stages/recipe/image-names.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import { localPackages } from './local-packages.ts';
import { namesOfPackages } from './names-of-packages.ts';

interface WrongNames {
  /** Those that are not certain may be made by a scriptlet, or when the image boots. */
  wrong: (WrongKey & { isCertain: boolean })[];
  /** What could not be checked, one sentence each. */
  notes: string[];
}

/** Reads the headers of packages that are on this host, and fetches none. */
export async function wrongNames(
  chain: readonly LoadedRecipe[],
  lock: Pick<Lock, 'arches'>,
  state: string,
): Promise<WrongNames> {
  const { recipe, source, lockPath } = chain.at(-1)!;
  if (!namesAny(recipe)) return { wrong: [], notes: [] };
  if (source)
    return { wrong: [], notes: ['its base is no recipe: units, programs and users are not checked'] };
  const notes: string[] = [];
  for (const [arch, { packages }] of Object.entries(lock.arches)) {
    const { packages: found, missing } = await localPackages(packages, lockPath, state);
    if (missing > 0) {
      notes.push(
        `${arch}: ${missing} packages are not on this host: units, programs and users are not checked`,
      );
      continue;
    }
    const names = namesOfPackages(
      found,
      chain.map((one) => one.recipe),
    );
    const wrong = [...wrongServices(names, recipe), ...wrongTest(names, recipe)];
    if (wrong.length > 0)
      return { wrong: wrong.map((one) => ({ ...one, isCertain: isCertain(names, one) })), notes };
  }
  return { wrong: [], notes };
}

const namesAny = ({ services, test, config }: Recipe) =>
  services.enable.length + services.disable.length > 0 ||
  test?.ready.unit !== undefined ||
  config.user !== undefined ||
  (test?.checks ?? []).some((check) => 'exec' in check);
