/** The part of a lock about a base that no recipe builds, and which packages of any base may be replaced. */
import { MillinerError } from '../../lib/errors/error.ts';
import { compareEvr, parseEvr, type Evr } from '../../lib/rpm/version-order.ts';
import { parseNevra, type Nevra } from '../../lib/rpm/package.ts';
import type { LockedArch, LockedImage } from '../../stages/lock/lock-file.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import { nameOf, type BaseRecord } from '../state/base-records.ts';
import type { SetChanges } from './lock-changes.ts';

export function lockedImage({ name, digest, index, packages }: BaseRecord): LockedImage {
  return { name, digest, ...(index && { index }), packages };
}

/** The image that the recipe below has pinned, or with --update this recipe's last lock. */
export function pinnedImage(
  source: BaseSource,
  inherited: LockedArch | undefined,
  last: LockedArch | undefined,
): LockedImage | undefined {
  const pinned = inherited?.image ?? last?.image;
  return pinned?.name === nameOf(source) ? pinned : undefined;
}

/** The packages of the image that are removed. */
export function goneFrom(image: LockedImage | undefined, gone: ReadonlySet<string>): string[] {
  return image?.packages.filter((nevra) => gone.has(nevra)) ?? [];
}

export function withoutPackages(image: LockedImage, gone: ReadonlySet<string>): LockedImage {
  return { ...image, packages: image.packages.filter((nevra) => !gone.has(nevra)) };
}

export interface Base {
  name: string;
  /** The part of it that is an image built by others. */
  image: LockedImage | undefined;
}

interface Replacement {
  package: string;
  change: 'updated' | 'downgraded' | 'removed';
  by?: string;
}

/**
 * A base stays unchanged unless the recipe allows it. Asking for a newer version by name allows it for packages of a
 * recipe, but not for those of a base image. Throws BASE_REPLACED.
 */
export function refuseReplaced(
  { recipe, path }: LoadedRecipe,
  { name, image }: Base,
  { updated, downgraded, removed }: Pick<SetChanges, 'updated' | 'downgraded' | 'removed'>,
): void {
  const theirs = new Set(image?.packages);
  const unasked = updated.filter(
    ({ from, to }) => theirs.has(from) || !isAskedFor(recipe.packages, from, to),
  );
  const replaced = [
    ...unasked.map(({ from, to }): Replacement => ({ package: from, change: 'updated', by: to })),
    ...downgraded.map(({ from, to }): Replacement => ({ package: from, change: 'downgraded', by: to })),
    ...removed.map((nevra): Replacement => ({ package: nevra, change: 'removed' })),
  ].filter((one) => !recipe.allow.replace.includes(packageName(one.package)));
  if (replaced.length === 0) return;
  const words = replaced.map(
    ({ package: one, change, by }) => `${one} would be ${change}${by === undefined ? '' : ` to ${by}`}`,
  );
  const names = [...new Set(replaced.map((one) => packageName(one.package)))].join(', ');
  throw new MillinerError('BASE_REPLACED', `${path}: of ${name}, ${words.join(', ')}`, {
    hint: `Use a base that has them, or allow it in the recipe: allow: {replace: [${names}]}.`,
    details: { packages: replaced },
  });
}

const packageName = (nevra: string) => parseNevra(nevra)?.name ?? nevra;

/** Whether the recipe asks for it by name and version, or by a comparison that the base's version does not meet. */
function isAskedFor(words: readonly string[], from: string, nevra: string): boolean {
  const { name, version, release, arch } = parseNevra(nevra)!;
  const before = parseNevra(from)!;
  const forms = ['', `-${release}`].flatMap((end) => {
    const form = `${name}-${version}${end}`;
    return [form, `${form}.${arch}`];
  });
  return words.some((word) => {
    const [, asked, operator, evr] = /^([^\s<=>]+)\s*([<=>]+)\s*(\S+)$/.exec(word) ?? [];
    if (asked === undefined) return word === nevra || forms.includes(word);
    return asked === name && !isMet(before, operator!, parseEvr(evr!));
  });
}

/** A comparison without a release compares versions alone (rpmds.c, rpmdsCompare). */
function isMet({ epoch, version, release }: Nevra, operator: string, wanted: Evr): boolean {
  const has = { epoch: String(epoch), version, ...(wanted.release !== undefined && { release }) };
  const order = compareEvr(has, wanted);
  return operator.includes('=<>'[order < 0 ? 1 : order > 0 ? 2 : 0]!);
}
