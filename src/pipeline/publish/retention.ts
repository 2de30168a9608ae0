/** For `retention`: removes from repositories the images that no rule keeps, after showing them. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { RetentionRule } from '../../lib/registry/retention-rule.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { RunOptions } from '../state/context.ts';
import { withStateLock } from '../state/state-lock.ts';
import { requirePemKey } from '../trust/signer-key.ts';
import { openRepositories, type Repository } from '../trust/repositories-by-name.ts';
import type { RemovableImage, RetentionPlan } from './plan-retention.ts';
import { planRepository, type PlannedRepository } from './plan-repository.ts';
import { removeImages, type RemovedImage } from './remove-images.ts';

export interface RetentionOptions {
  /** HOST/REPOSITORY each. */
  repositories: readonly string[];
  rules: readonly RetentionRule[];
  /** Path of the public key that signed the images. Only its statements tell since when a tag names an image. */
  key: string;
  plainHttp: boolean;
  /** Milliseconds since 1970. */
  now: number;
  /** Called with what would go; false: nothing is removed. Absent: it is removed at once. */
  confirm?: ((plans: readonly RetentionPlan[]) => Promise<boolean>) | undefined;
}

export interface RetentionReport {
  repositories: RetentionPlan[];
  /** Absent if it was not confirmed, or nothing was to go. */
  removed?: (RemovedImage & { repository: string })[];
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

/**
 * A repository whose registry fails does not stop the others: its error is thrown at the end. Throws REFERENCE_INVALID,
 * KEY_FILE_INVALID, IMAGE_UNPUBLISHED, HISTORY_ALTERED, DELETE_UNSUPPORTED, and what registries throw.
 */
export async function applyRetention(options: RetentionOptions, run: Run): Promise<RetentionReport> {
  const key = await requirePemKey(options.key, run.signal);
  const places = await openRepositories(options.repositories, { ...run, plainHttp: options.plainHttp });
  return withStateLock(run, 'retention', () => applyAt(places, key, options, run));
}

async function applyAt(
  places: readonly Repository[],
  key: PublicKey,
  options: RetentionOptions,
  run: Run,
): Promise<RetentionReport> {
  const shown: PlannedRepository[] = [];
  const failures: MillinerError[] = [];
  for (const place of places) {
    try {
      shown.push(await planRepository(place, key, options, run));
    } catch (error) {
      failures.push(failureIn(error, run));
    }
  }
  const repositories = shown.map(({ plan }) => plan);
  const isEmpty = repositories.every(({ images }) => images.length === 0);
  if (isEmpty || (options.confirm && !(await options.confirm(repositories)))) {
    if (failures.length > 0) throw failureOf(failures, []);
    return { repositories };
  }
  const removed: NonNullable<RetentionReport['removed']> = [];
  for (const planned of shown) {
    const { place } = planned;
    try {
      const gone = await removeShown(planned, key, options, run);
      removed.push(...gone.map((image) => ({ repository: place.name, ...image })));
    } catch (error) {
      failures.push(failureIn(error, run));
    }
  }
  if (failures.length > 0) throw failureOf(failures, removed);
  return { repositories, removed };
}

/** Of one repository, which stops no other. Throws all else. */
function failureIn(error: unknown, { signal }: Run): MillinerError {
  if (!(error instanceof MillinerError) || signal?.aborted) throw error;
  return error;
}

/** The user may have taken minutes to answer, so it is planned anew, and only what was shown goes. */
async function removeShown(
  { place, tags: before, plan: { images: shown, rollback } }: PlannedRepository,
  key: PublicKey,
  options: RetentionOptions,
  run: Run,
): Promise<RemovedImage[]> {
  if (shown.length === 0 || !options.confirm)
    return removeImages(place, shown, { tags: before, rollback }, { ...run, key });
  const { tags, plan } = await planRepository(place, key, options, run);
  const known = new Map(shown.map((image) => [image.digest, image]));
  const isShown = ({ digest, tags: own }: RemovableImage) =>
    own.every((tag) => known.get(digest)?.tags.includes(tag)) && known.has(digest);
  return removeImages(place, plan.images.filter(isShown), { tags, rollback: plan.rollback }, { ...run, key });
}

function failureOf(
  failures: readonly MillinerError[],
  removed: NonNullable<RetentionReport['removed']>,
): MillinerError {
  const [first] = failures;
  if (failures.length === 1 && removed.length === 0) return first!;
  return new MillinerError(first!.code, failures.map(({ message }) => message).join('; '), {
    cause: first,
    hint: first!.hint,
    details: {
      ...first!.details,
      removed: removed.map(({ repository, digest }) => `${repository}@${digest}`),
    },
  });
}
