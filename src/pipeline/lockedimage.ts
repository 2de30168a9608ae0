/** What a lock says of a base that no recipe makes, and which packages of any base may go. */
import { MillinerError } from '../errors.ts';
import type { LockedArch, LockedImage } from '../lock/lock.ts';
import type { BaseSource } from '../recipe/base.ts';
import type { LoadedRecipe } from '../recipe/load.ts';
import { parseNevra } from '../rpm/package.ts';
import { nameOf, type BaseRecord } from './baserecords.ts';
import type { SetChanges } from './lockchanges.ts';

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

/** Whoever answers for a base has it as it is, unless the recipe says otherwise. Throws BASE_REPLACED. */
export function refuseReplaced(
  { recipe, path }: LoadedRecipe,
  base: string,
  changes: Pick<SetChanges, 'updated' | 'downgraded' | 'removed'>,
): void {
  const replaced = [
    ...changes.updated.map(({ from, to }) => ({ package: from, change: 'updated', by: to })),
    ...changes.downgraded.map(({ from, to }) => ({ package: from, change: 'downgraded', by: to })),
    ...changes.removed.map((nevra) => ({ package: nevra, change: 'removed', by: undefined })),
  ].filter((one) => !recipe.allow.replace.includes(packageName(one.package)));
  if (replaced.length === 0) return;
  const words = replaced.map(
    ({ package: one, change, by }) => `${one} would be ${change}${by === undefined ? '' : ` to ${by}`}`,
  );
  const names = [...new Set(replaced.map((one) => packageName(one.package)))].join(', ');
  throw new MillinerError('BASE_REPLACED', `${path}: of ${base}, ${words.join(', ')}`, {
    hint: `Name a base that has them, or allow it: allow: {replace: [${names}]}`,
    details: { packages: replaced },
  });
}

const packageName = (nevra: string) => parseNevra(nevra)?.name ?? nevra;
