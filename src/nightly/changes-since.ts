/** What has changed in an image since the one that its tags named before: packages with changelogs, and what they fix. */
import { MillinerError } from '../lib/errors/error.ts';
import { compareLocks, type ArchDiff } from '../pipeline/report/lock-diff.ts';
import type { ChangelogEntry } from '../pipeline/packages/changelog.ts';
import type { StateContext } from '../pipeline/state/context.ts';
import type { Lock } from '../stages/lock/lock-file.ts';
import { parseNevra } from '../lib/rpm/package.ts';
import type { FixedAdvisory, NightReportInput } from '../stages/report/night-report.ts';
import type { LockedImage } from './release-images.ts';
import type { NightRecipe } from './night-members.ts';

type ImageInput = NightReportInput['images'][number];
export type Changes = Pick<ImageInput, 'packages' | 'advisories'>;
/** A lock beside the one before it. */
type ChangedImage = Pick<LockedImage, 'image' | 'lock' | 'before'> & {
  recipe: Pick<NightRecipe, 'member'>;
};
type PackageChange = NonNullable<ImageInput['packages']>[number];

/** Entries that a report shows, and some more. */
const maxEntries = 100;

/** Where the lock that was published before is not known, or a repository is out of reach, the plan is all there is. */
export async function changesSince(context: StateContext, locked: ChangedImage): Promise<Changes> {
  const { image, before } = locked;
  if (!before) return plannedChanges(image);
  try {
    return await comparedChanges(context, locked, before);
  } catch (error) {
    // The image is out, whatever can be told of it.
    if (!(error instanceof MillinerError) || context.signal?.aborted === true) throw error;
    context.progress.warn(`${image.recipe}: its report has the planned changes: ${error.message}`);
    return plannedChanges(image);
  }
}

async function comparedChanges(
  context: StateContext,
  { image, recipe, lock }: ChangedImage,
  before: Lock,
): Promise<Changes> {
  const { loaded, chain } = recipe.member;
  // Relative URLs of both are those beside the recipe.
  const sideOf = (one: Lock) => ({ name: image.recipe, path: loaded.lockPath, lock: one });
  const arches = Object.values(await compareLocks(context, sideOf(before), sideOf(lock), chain));
  return { packages: unique(arches.flatMap(packagesOf)), advisories: advisoriesOf(arches) };
}

function plannedChanges({ packages, advisories }: LockedImage['image']): Changes {
  return {
    packages: unique(packages.map(({ from, to }) => changeOf(from, to))),
    advisories: advisories.map(({ id, severity, cves, title }) => ({ id, severity, cves, title })),
  };
}

function packagesOf({ packages }: ArchDiff): PackageChange[] {
  const { added, removed, downgraded } = packages;
  return [
    ...packages.updated.map(({ from, to, changelog = [] }) => changeOf(from, to, changelog)),
    ...downgraded.map(({ from, to }) => changeOf(from, to)),
    ...added.map((to) => changeOf(undefined, to)),
    ...removed.map((from) => changeOf(from, undefined)),
  ];
}

function changeOf(
  from: string | undefined,
  to: string | undefined,
  changelog: readonly ChangelogEntry[] = [],
): PackageChange {
  const { name = to ?? from!, arch = '' } = parseNevra(to ?? from!) ?? {};
  return {
    name,
    arch,
    ...(from !== undefined && { from: evrOf(from) }),
    ...(to !== undefined && { to: evrOf(to) }),
    changelog: changelog.slice(0, maxEntries).map(entryText),
  };
}

function evrOf(nevra: string): string {
  const parsed = parseNevra(nevra);
  if (!parsed) return nevra;
  const { epoch, version, release } = parsed;
  return `${epoch === 0 ? '' : `${epoch}:`}${version}-${release}`;
}

/** As `rpm --changelog` prints it, with the date in ISO 8601. */
function entryText({ time, author, text }: ChangelogEntry): string {
  return `* ${new Date(time * 1000).toISOString().slice(0, 10)} ${author}\n${text}`;
}

/** The images of several architectures have most changes in common. */
function unique(changes: readonly PackageChange[]): PackageChange[] {
  return [
    ...new Map(changes.map((one) => [[one.name, one.arch, one.from, one.to].join('\0'), one])).values(),
  ];
}

function advisoriesOf(arches: readonly ArchDiff[]): FixedAdvisory[] {
  const found = arches.flatMap(({ advisories = [] }) => advisories);
  return [
    ...new Map(
      found.map(({ id, severity, cves, title }) => [id, { id, severity, cves, title }] as const),
    ).values(),
  ];
}
