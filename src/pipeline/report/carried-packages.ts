/** Which packages of an image a question is about: by a condition on name and version, or by a CVE or an advisory. */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { meetsCondition } from '../../lib/rpm/package-condition.ts';
import { parseCondition } from '../../lib/rpm/parse-condition.ts';
import { nevraText, type Nevra } from '../../lib/rpm/package.ts';
import { AdvisoryFilter } from '../../stages/repo/applicable-advisories.ts';
import { RecipeReader, type LoadedRecipe } from '../../stages/recipe/load.ts';
import { cvesOf, readUpdateinfo, type Advisory } from '../../stages/repo/updateinfo.ts';
import type { Context } from '../state/context.ts';
import { openChain } from './advisories.ts';

export interface CarriedPackage {
  nevra: string;
  /** The advisory with a newer version, and that version. */
  advisory?: string;
  fixed?: string;
}

/** The packages of an image that the question is about. */
export type Examine = (packages: readonly Nevra[]) => Promise<CarriedPackage[]>;

/** Throws USAGE. */
export function carriesPackage(text: string): Examine {
  const condition = parseCondition(text);
  return async (packages) =>
    packages.filter((one) => meetsCondition(one, condition)).map((one) => ({ nevra: nevraText(one) }));
}

/**
 * Asks the repositories of these recipes once for each architecture of an image. Advisories that none of them has are an
 * error: an image must not look unaffected because nothing is known. Throws USAGE, ADVISORY_NOT_FOUND, and what opening
 * repositories throws.
 */
export function affectedBy(context: Context, id: string, recipes: readonly string[]): Examine {
  const wanted = parseAdvisoryId(id);
  const advisoriesByArch = new Map<string, Promise<Advisory[]>>();
  return async (packages) => {
    const arch = archOf(packages);
    const reading = advisoriesByArch.get(arch) ?? advisoriesAbout(context, wanted, recipes, arch);
    advisoriesByArch.set(arch, reading);
    const filter = new AdvisoryFilter(packages.map((from) => ({ from })));
    return (await reading)
      .flatMap((advisory) => filter.fixesOf(advisory))
      .map(({ advisory, installed, fixed }) => ({
        nevra: nevraText(installed),
        advisory: advisory.id,
        fixed: nevraText(fixed),
      }));
  };
}

/** Bounded, because it is compared with every advisory. Throws USAGE. */
function parseAdvisoryId(text: string): string {
  if (/^[A-Za-z][\w:.-]{2,100}$/.test(text)) return text.toUpperCase();
  throw new MillinerError('USAGE', `${JSON.stringify(text)} is neither a CVE nor the id of an advisory`, {
    hint: 'Write it as CVE-2026-1234, or as the repository writes its advisories.',
  });
}

async function advisoriesAbout(
  context: Context,
  wanted: string,
  recipes: readonly string[],
  arch: string,
): Promise<Advisory[]> {
  const found: Advisory[] = [];
  for (const path of await updateinfoOf(context, await chainsOf(recipes), arch)) {
    context.progress.step(`reading the advisories for ${arch}`);
    for await (const advisory of readUpdateinfo(path, context.signal)) {
      if (advisory.id.toUpperCase() === wanted || cvesOf(advisory).includes(wanted)) found.push(advisory);
    }
  }
  if (found.length > 0) return found;
  throw new MillinerError('ADVISORY_NOT_FOUND', `no advisory for ${arch} is ${wanted}, or names it`, {
    details: { id: wanted, arch, recipes },
  });
}

async function chainsOf(recipes: readonly string[]): Promise<LoadedRecipe[][]> {
  const reader = new RecipeReader();
  return Promise.all(recipes.map((recipe) => reader.chain(recipe)));
}

/** Paths of the updateinfo files of all repositories, each once. */
async function updateinfoOf(
  context: Context,
  chains: readonly LoadedRecipe[][],
  arch: string,
): Promise<Set<string>> {
  const paths = new Set<string>();
  for (const chain of chains) {
    for (const repository of await openChain(context, chain, arch)) {
      const path = repository.kind === 'repomd' ? await repository.updateinfo() : undefined;
      if (path !== undefined) paths.add(path);
    }
  }
  return paths;
}

/** The architecture of the image: that of most of its packages. */
function archOf(packages: readonly Nevra[]): string {
  const counts = Map.groupBy(packages, ({ arch }) => arch);
  counts.delete('noarch');
  const [first] = [...counts].toSorted(([a, x], [b, y]) => y.length - x.length || (a < b ? -1 : 1));
  return first?.[0] ?? hostArch();
}
