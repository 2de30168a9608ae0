/** Changes of packages and the advisories that they fix, each once, with the images that have it. */
import { byUrgency } from '../../lib/rpm/severity.ts';
import { changeLine } from './image-lines.ts';
import type { FixedAdvisory, ImageReport, PackageChange } from './night-report.ts';

/** A rebase can bring hundreds of entries; the newest tell what a reader asks for. */
const maxEntries = 20;

export interface PackageRow {
  name: string;
  arch: string;
  change: string;
  /** Recipes. */
  images: string[];
  changelog: string[];
}

export interface AdvisoryRow {
  id: string;
  severity: string;
  cves: string[];
  title: string;
  /** Recipes. */
  images: string[];
}

/** By name. Only images that were published have them: of others the change did not arrive. */
export function mergedPackages(images: readonly ImageReport[]): PackageRow[] {
  const found = merge(images, ({ packages }) => packages, packageKey);
  return found
    .map(({ item: { name, arch, from, to, changelog }, recipes }) => ({
      name,
      arch,
      change: changeLine(from, to),
      images: recipes,
      changelog: shortened(changelog),
    }))
    .toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

/** The most severe first, then by id. */
export function mergedAdvisories(images: readonly ImageReport[]): AdvisoryRow[] {
  const found = merge(
    images,
    ({ advisories }) => advisories,
    ({ id }: FixedAdvisory) => id,
  );
  return found
    .map(({ item: { id, severity, cves, title = '' }, recipes }) => {
      return { id, severity, cves, title, images: recipes };
    })
    .toSorted(byUrgency);
}

function merge<T>(
  images: readonly ImageReport[],
  itemsOf: (image: ImageReport) => readonly T[],
  keyOf: (item: T) => string,
): { item: T; recipes: string[] }[] {
  const found = new Map<string, { item: T; recipes: string[] }>();
  for (const image of images.filter(({ outcome }) => outcome === 'published')) {
    for (const item of itemsOf(image)) {
      const there = found.get(keyOf(item));
      if (!there) found.set(keyOf(item), { item, recipes: [image.recipe] });
      else if (!there.recipes.includes(image.recipe)) there.recipes.push(image.recipe);
    }
  }
  return [...found.values()];
}

const packageKey = ({ name, arch, from, to }: PackageChange) => JSON.stringify([name, arch, from, to]);

function shortened(changelog: readonly string[]): string[] {
  const hidden = changelog.length - maxEntries;
  return hidden > 0 ? [...changelog.slice(0, maxEntries), `and ${hidden} earlier entries`] : [...changelog];
}
