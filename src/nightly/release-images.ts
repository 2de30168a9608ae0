/** Queues the images of a night and follows them, and remembers each one as soon as it has ended. */
import { withContext, type RunOptions } from '../pipeline/state/context.ts';
import {
  rememberLock,
  writeSetMemory,
  type MemberMemory,
  type SetMemory,
} from '../pipeline/state/set-memory.ts';
import type { Connection } from '../queue/connection.ts';
import { identifyKey, rememberKey } from '../queue/keyring.ts';
import { OwnWorker } from '../queue/own-worker.ts';
import { Queues } from '../queue/queues.ts';
import type { ReleaseStatus } from '../queue/status.ts';
import { submit, type Submitted } from '../queue/submit.ts';
import { isDigest, type Digest } from '../lib/oci/digest.ts';
import type { Lock } from '../stages/lock/lock-file.ts';
import type { PlannedImage } from '../stages/night/planned-image.ts';
import type { ImageReport } from '../stages/report/night-report.ts';
import { failingAfter, failureOfRelease } from './night-failure.ts';
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

/** What the report says of an image that was published. */
export type Describe = (image: LockedImage, ended: EndedRelease) => Promise<ImageReport>;

/** By name of the recipe. Throws what submitting and following throw; what is queued stays in the queue then. */
export async function releaseImages(
  options: RunOptions,
  connection: Connection,
  set: { name: string; memory: SetMemory },
  images: readonly LockedImage[],
  access: NightAccess,
  describe: Describe,
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
    const exchanges = new Map(submitted.map(({ release, exchange }) => [release, exchange]));
    const endOf = (status: ReleaseStatus) => ({ status, exchange: exchanges.get(status.release) });
    const onEnd = (status: ReleaseStatus) =>
      remember(options.state, set, locks.get(status.recipe)!, endOf(status), describe);
    const ended = await own.follow(queues, submitted, onEnd);
    return new Map(ended.map((status) => [status.recipe, endOf(status)]));
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

/** A night that is killed after this does not release the image again, and the next one tells of it. */
async function remember(
  state: string,
  { name, memory }: { name: string; memory: SetMemory },
  locked: LockedImage,
  ended: EndedRelease,
  describe: Describe,
): Promise<void> {
  const { recipe, lock } = locked;
  const { report } = ended.status;
  const before = memory[recipe.recipe];
  if (report) {
    const untold = await describe(locked, ended);
    const published = publishedAs(recipe, report, lock);
    if (published.lock === lock.digest) await rememberLock(state, name, lock);
    memory[recipe.recipe] = { published, untold };
  } else {
    const failing = failingAfter(before?.failing, recipe.content, today(), failureOfRelease(ended.status));
    memory[recipe.recipe] = { ...before, ...(failing && { failing }) };
  }
  await writeSetMemory(state, name, memory);
}

/** A lock can have been written beside the recipe since: the image is of the lock that was queued. */
function publishedAs(
  { content, target }: NightRecipe,
  report: NonNullable<ReleaseStatus['report']>,
  lock: Lock,
): NonNullable<MemberMemory['published']> {
  return {
    lock: isDigest(report.lockDigest) ? report.lockDigest : lock.digest,
    digest: publishedDigest(report),
    content,
    target,
    stated: Math.floor(Date.parse(report.finished) / 1000),
  };
}

export const today = () => new Date().toISOString().slice(0, 10);

/** The index where there is one: the tags of a set name it. */
export function publishedDigest({ tags }: NonNullable<ReleaseStatus['report']>): Digest {
  return tags.at(-1)!.manifestDigest;
}
