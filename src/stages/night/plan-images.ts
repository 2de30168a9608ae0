/** Carries the changes of recipes through their bases to every image that they touch. The same input gives the same plan. */
import { byUrgency } from '../../lib/rpm/severity.ts';
import type {
  Finding,
  ImagePlan,
  Move,
  PlannedAdvisory,
  PlannedImage,
  PlannedPackage,
  Reason,
} from './planned-image.ts';

/** @param findings of all recipes of the set, in any order */
export function planImages(findings: readonly Finding[]): ImagePlan {
  const plan: ImagePlan = { images: [], unchanged: [], failed: [], skipped: [] };
  const carried = new Map<string, CarriedImage>();
  const failed = new Set(findings.filter(({ failure }) => failure).map(({ recipe }) => recipe));
  for (const finding of findings.toSorted(byDepth)) {
    const { recipe, bases, failure } = finding;
    const failedBase = bases.find((base) => failed.has(base));
    if (failedBase !== undefined) plan.skipped.push({ recipe, base: failedBase });
    else if (failure) plan.failed.push({ recipe, ...failure });
    else {
      const image = carry(finding, carried);
      if (image) carried.set(recipe, image);
      else plan.unchanged.push(recipe);
    }
  }
  return { ...plan, images: inOrder([...carried.values()].map(({ image }) => image)) };
}

interface CarriedImage {
  image: PlannedImage;
  /** By architecture. */
  bytes: Map<string, number>;
}

/** A base has fewer recipes below it than what stands on it. */
const byDepth = (a: Pick<Finding, 'bases' | 'recipe'>, b: Pick<Finding, 'bases' | 'recipe'>) =>
  a.bases.length - b.bases.length || (a.recipe < b.recipe ? -1 : 1);

const rankOf = ({ priority }: PlannedImage) => (priority === 'high' ? 0 : 1);

/** Of urgent images the bases are urgent, so no image comes before its base. */
const byPriority = (a: PlannedImage, b: PlannedImage) => rankOf(a) - rankOf(b) || byDepth(a, b);

function carry(finding: Finding, carried: ReadonlyMap<string, CarriedImage>): CarriedImage | undefined {
  const { recipe, path, arches, bases, changes } = finding;
  const base = bases.length > 0 ? carried.get(bases.at(-1)!) : undefined;
  const reasons = reasonsOf(finding, base?.image.recipe);
  if (reasons.length === 0) return undefined;
  const bytes = new Map(changes.map((one) => [one.arch, one.bytes + (base?.bytes.get(one.arch) ?? 0)]));
  const moves = changes.flatMap(({ all }) => all);
  const image: PlannedImage = {
    recipe,
    path,
    arches,
    reasons,
    packages: packagesOf(moves),
    advisories: advisoriesOf(moves),
    updateBytes: Math.max(0, ...bytes.values()),
    bases,
    priority: moves.some(({ advisories }) => advisories.some(isSecurity)) ? 'high' : 'normal',
  };
  return { image, bytes };
}

const isSecurity = ({ type }: PlannedAdvisory) => type === 'security';

function reasonsOf(
  { isRecipeChanged, changedBase, changes }: Finding,
  rebuiltBase: string | undefined,
): Reason[] {
  const base = rebuiltBase ?? changedBase;
  const moves = changes.flatMap(({ own }) => own).toSorted(byPackage);
  const unique = new Map(moves.map((move) => [`${move.from} ${move.to}`, move]));
  return [
    ...unique.values().map(({ from, to, advisories }): Reason => {
      const ids = advisories.map(({ id }) => id).toSorted();
      return {
        kind: 'package',
        ...(from !== undefined && { from }),
        ...(to !== undefined && { to }),
        advisories: ids,
      };
    }),
    ...(base === undefined ? [] : [{ kind: 'base' as const, base }]),
    ...(isRecipeChanged ? [{ kind: 'recipe' as const }] : []),
  ];
}

/** Packages of several architectures of an image may be the same. */
function packagesOf(moves: readonly Move[]): PlannedPackage[] {
  const unique = new Map<string, PlannedPackage>();
  for (const { advisories: _, ...move } of moves.toSorted(byPackage))
    unique.set(`${move.from} ${move.to}`, move);
  return [...unique.values()];
}

function advisoriesOf(moves: readonly Move[]): PlannedAdvisory[] {
  const unique = new Map(moves.flatMap(({ advisories }) => advisories).map((one) => [one.id, one]));
  return [...unique.values()].toSorted(byUrgency);
}

function byPackage(a: Move, b: Move): number {
  const key = ({ name, arch, from = '', to = '' }: Move) => [name, arch, from, to].join('\0');
  const [one, other] = [key(a), key(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Bases first; an image that overtakes in the queue has to wait for its bases, so they overtake too. */
export function inOrder(images: readonly PlannedImage[]): PlannedImage[] {
  return withPriorities(images).toSorted(byPriority);
}

function withPriorities(images: readonly PlannedImage[]): PlannedImage[] {
  const urgent = new Set(
    images.filter(({ priority }) => priority === 'high').flatMap(({ recipe, bases }) => [recipe, ...bases]),
  );
  return images.map((image) => (urgent.has(image.recipe) ? { ...image, priority: 'high' } : image));
}
