/** Queues the images of a night and follows them, and remembers each one as soon as it has ended. */
import type { Failure } from '../lib/errors/wire.ts';
import { withContext, type RunOptions } from '../pipeline/state/context.ts';
import { rememberLock, writeSetMemory, type SetMemory } from '../pipeline/state/set-memory.ts';
import type { Connection } from '../queue/connection.ts';
import { identifyKey, rememberKey } from '../queue/keyring.ts';
import { OwnWorker } from '../queue/own-worker.ts';
import { Queues } from '../queue/queues.ts';
import type { ReleaseStatus } from '../queue/status.ts';
import { submit, type Submitted } from '../queue/submit.ts';
import type { Digest } from '../lib/oci/digest.ts';
import type { Lock } from '../stages/lock/lock-file.ts';
import type { PlannedImage } from '../stages/night/planned-image.ts';
import type { NightRecipe } from './night-members.ts';

/** How a night reaches its queue and its registries. */
export interface NightAccess {
  plainHttp: boolean;
  /** HOST/REPOSITORY where workers of several machines exchange blobs. */
  exchange: string | undefined;
  /** Path of the private key. */
  key: string;
  /** Password of the key, from the environment. */
  password: string | undefined;
  askPassword: () => Promise<string>;
}

/** An image whose lock is to be published. */
export interface LockedImage {
  image: PlannedImage;
  recipe: NightRecipe;
  lock: Lock;
  /** The lock that was published before, as far as this state knows it. */
  before: Lock | undefined;
}

export interface EndedRelease {
  status: ReleaseStatus;
  /** HOST/REPOSITORY where its blobs are; absent where they are in this state. */
  exchange?: string | undefined;
}

/** A part of a release that did not pass. */
export interface StageFailure extends Failure {
  stage: string;
  arch?: string;
}

/** By name of the recipe. Throws what submitting and following throw; what is queued stays in the queue then. */
export async function releaseImages(
  options: RunOptions,
  connection: Connection,
  set: { name: string; memory: SetMemory },
  images: readonly LockedImage[],
  access: NightAccess,
): Promise<Map<string, EndedRelease>> {
  const key = await identifyKey(access.key);
  await rememberKey(options.state, key);
  const queues = new Queues(connection.redis, options.state);
  const own = new OwnWorker(options, { connection, key, password: access.password });
  try {
    await own.prepare(queues, access.askPassword);
    const submitted = await queue(options, queues, images, {
      ...access,
      key: key.id,
      shared: connection.shared,
    });
    const locks = new Map(images.map((one) => [one.image.recipe, one]));
    const onEnd = (status: ReleaseStatus) => remember(options.state, set, locks.get(status.recipe)!, status);
    const ended = await own.follow(queues, submitted, onEnd);
    const exchanges = new Map(submitted.map(({ release, exchange }) => [release, exchange]));
    return new Map(
      ended.map((status) => [status.recipe, { status, exchange: exchanges.get(status.release) }]),
    );
  } finally {
    await own.stop();
    await queues.close();
  }
}

function queue(
  options: RunOptions,
  queues: Queues,
  images: readonly LockedImage[],
  { key, plainHttp, exchange, shared }: Omit<NightAccess, 'password'> & { shared: boolean },
): Promise<Submitted[]> {
  return withContext(options, (context) =>
    submit(context, queues, {
      recipes: images.map(({ image, recipe }) => ({
        recipe: recipe.member.loaded.path,
        to: recipe.to,
        arches: recipe.arches,
        priority: image.priority,
      })),
      key,
      untrusted: false,
      plainHttp,
      only: undefined,
      exchange,
      shared,
    }),
  );
}

/** A night that is killed after this does not release the image again. */
async function remember(
  state: string,
  { name, memory }: { name: string; memory: SetMemory },
  { recipe, lock }: LockedImage,
  status: ReleaseStatus,
): Promise<void> {
  const { report } = status;
  const before = memory[recipe.recipe] ?? {};
  if (report) {
    await rememberLock(state, name, lock);
    const digest = publishedDigest(report);
    const published = { lock: lock.digest, digest, target: recipe.target as Digest };
    memory[recipe.recipe] = { published };
  } else {
    const failure = failureOfRelease(status);
    if (outcomeOfFailure(failure) !== 'failed') return;
    memory[recipe.recipe] = { ...before, failing: failingAfter(before.failing, recipe.inputs, failure) };
  }
  await writeSetMemory(state, name, memory);
}

/** The index where there is one: the tags of a set name it. */
export function publishedDigest({ tags }: NonNullable<ReleaseStatus['report']>): Digest {
  return tags.at(-1)!.manifestDigest;
}

type Failing = NonNullable<SetMemory[string]['failing']>;

export function failingAfter(
  before: Failing | undefined,
  inputs: string,
  failure: Failing['failure'],
): Failing {
  const { stage, code, message, hint } = failure;
  const nights = before?.inputs === inputs ? before.nights + 1 : 1;
  return { nights, inputs: inputs as Digest, failure: { stage, code, message, hint } };
}

/** The first stage that failed tells more than the release. */
export function failureOfRelease({ release, state, error, stages }: ReleaseStatus): StageFailure {
  const failed = stages.find((one) => one.state === 'failed' && one.error);
  if (failed?.error) {
    const { stage, arch } = failed;
    return { ...failed.error, stage, ...(arch !== undefined && { arch }) };
  }
  if (error) return { ...error, stage: 'release' };
  const hint = `Continue it with milliner queue retry ${release}.`;
  const code = state === 'cancelled' ? ('RELEASE_CANCELLED' as const) : ('RELEASE_FAILED' as const);
  return { code, message: `${release} is ${state}`, hint, stage: 'release' };
}

/** A held tag and a base that failed are no fault of the image. */
export function outcomeOfFailure({ code }: Failure): 'failed' | 'held' | 'skipped' {
  if (code === 'TAG_HELD') return 'held';
  return code === 'BASE_FAILED' ? 'skipped' : 'failed';
}
