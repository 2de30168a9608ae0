/** What a lock says of a base that no recipe makes, and which of its packages may go. */
import { MillinerError } from '../errors.ts';
import type { LockedArch, LockedImage } from '../lock/lock.ts';
import type { BaseSource } from '../recipe/base.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { nevraText } from '../rpm/package.ts';
import type { SolvedPackage } from '../solve/solve.ts';
import { nameOf, type BaseRecord } from './baserecords.ts';

export function lockedImage({ name, digest, index, packages }: BaseRecord): LockedImage {
  return { name, digest, ...(index && { index }), packages };
}

/** What the recipe below has, or, where packages are to stay as they are, the last lock of this one. */
export function pinnedImage(
  source: BaseSource,
  inherited: LockedArch | undefined,
  last: LockedArch | undefined,
): LockedImage | undefined {
  const pinned = inherited?.image ?? last?.image;
  return pinned?.name === nameOf(source) ? pinned : undefined;
}

/** Of the image's packages those that are gone. */
export function goneFrom(image: LockedImage | undefined, gone: ReadonlySet<string>): string[] {
  return image?.packages.filter((nevra) => gone.has(nevra)) ?? [];
}

export function withoutPackages(image: LockedImage, gone: ReadonlySet<string>): LockedImage {
  return { ...image, packages: image.packages.filter((nevra) => !gone.has(nevra)) };
}

const packageName = (nevra: string) => nevra.replace(/-[^-]+-[^-]+$/, '');

/** A base that somebody else answers for stays what it is, unless the recipe says otherwise. Throws BASE_REPLACED. */
export function refuseReplaced(
  { recipe, path }: LoadedRecipe,
  image: LockedImage,
  gone: ReadonlySet<string>,
  packages: readonly SolvedPackage[],
): void {
  const replaced = goneFrom(image, gone).filter(
    (nevra) => !recipe.allow.replace.includes(packageName(nevra)),
  );
  if (replaced.length === 0) return;
  const named = replaced.map((nevra) => {
    const by = packages.find(({ name }) => name === packageName(nevra));
    return { package: nevra, ...(by && { by: nevraText(by) }) };
  });
  const words = named.map(({ package: one, by }) => (by === undefined ? one : `${one} by ${by}`)).join(', ');
  const names = replaced.map(packageName).join(', ');
  throw new MillinerError('BASE_REPLACED', `${path}: packages of ${image.name} would be replaced: ${words}`, {
    hint: `Name a base that has them, or allow it: allow: {replace: [${names}]}`,
    details: { packages: named },
  });
}
