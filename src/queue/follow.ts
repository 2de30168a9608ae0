/** For `release`: reports the progress of its releases until all have ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from 'bullmq';
import { MillinerError } from '../lib/errors/error.ts';
import type { Progress } from '../lib/host/progress.ts';
import { peekRelease, peekRequest } from './claims.ts';
import { throttle } from './connection.ts';
import { jobsOf, readFailure, releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';
import { queueTrouble } from './replies.ts';
import { describeRelease, type ReleaseStatus } from './status.ts';
import type { Submitted } from './submit.ts';

/** Milliseconds between two looks: a tenth of the time that the releases have taken so far. */
const pollPause = { min: 50, max: 300 };

export interface Follow {
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Called in each round until all have ended. */
  onPoll: () => Promise<void>;
  /** Called once for each release. */
  onEnd?: ((ended: ReleaseStatus) => Promise<void>) | undefined;
}

/** Returns how each release ended. Throws RELEASE_LOST, QUEUE_DENIED, QUEUE_UNSAFE, the signal's reason. */
export async function follow(
  queues: Queues,
  submitted: readonly Pick<Submitted, 'release' | 'request'>[],
  options: Follow,
): Promise<ReleaseStatus[]> {
  const ids = submitted.map(({ release }) => release);
  const stories = new Map(
    submitted.map((one) => [one.release, new Story(queues, one, options.progress)] as const),
  );
  const ended = new Map<string, ReleaseStatus | undefined>();
  const began = Date.now();
  const tellTrouble = throttle(({ message }) => options.progress.warn(message));
  while (ended.size < stories.size) {
    options.signal?.throwIfAborted();
    try {
      await options.onPoll();
      for (const [id, story] of stories) {
        if (ended.has(id)) continue;
        await look(queues, id, story, ended);
        const last = ended.get(id);
        if (last) await options.onEnd?.(last);
      }
    } catch (error) {
      // A Redis that is down for a while does not end the release: the workers wait for it, and so does this command.
      const trouble = queueTrouble(error);
      if (!trouble) throw error;
      tellTrouble(trouble);
    }
    const pause = Math.min(Math.max(pollPause.min, (Date.now() - began) / 10), pollPause.max);
    if (ended.size < stories.size)
      await sleep(pause, undefined, { signal: options.signal }).catch(() => undefined);
  }
  const lost = ids.filter((id) => !ended.get(id));
  const releases = ids.flatMap((id) => ended.get(id) ?? []);
  if (lost.length === 0) return releases;
  throw new MillinerError('RELEASE_LOST', `the queue no longer has ${lost.join(', ')}`, {
    details: { lost, releases },
  });
}

/** Records how a release ended; undefined where the queue no longer has it. */
async function look(
  queues: Queues,
  id: string,
  story: Story,
  ended: Map<string, ReleaseStatus | undefined>,
): Promise<void> {
  const job = await queues.get(releaseQueue).getJob(id);
  if (!job || !story.isOf(job)) return void ended.set(id, undefined);
  const isOver = (await job.isCompleted()) || (await job.isFailed());
  await story.tell();
  if (!isOver) return;
  // Read again: the first copy is from before it ended, and the id may be another release's by now.
  const last = await queues.get(releaseQueue).getJob(id);
  ended.set(id, last && story.isOf(last) ? await describeRelease(queues, last, false) : undefined);
}

/** Reports the new log lines of all jobs of a release, in order. */
class Story {
  readonly #queues: Queues;
  readonly #id: string;
  readonly #progress: Progress;
  readonly #told = new Map<string, number>();
  readonly #failures = new Set<string>();
  readonly #request: string;

  constructor(
    queues: Queues,
    { release, request }: Pick<Submitted, 'release' | 'request'>,
    progress: Progress,
  ) {
    this.#queues = queues;
    this.#id = release;
    this.#request = request;
    this.#progress = progress;
  }

  /** A Redis that was emptied counts from the beginning, and gives the same id to another release. */
  isOf({ data }: Job): boolean {
    return peekRequest(data).digest === this.#request;
  }

  async tell(): Promise<void> {
    const release = await this.#queues.get(releaseQueue).getJob(this.#id);
    if (!release) return;
    for (const { queue: name, id } of jobsOf(this.#id, peekRelease(release.data))) {
      const queue = this.#queues.get(name);
      const from = this.#told.get(id) ?? 0;
      const { logs, count } = await queue.getJobLogs(id, from);
      this.#told.set(id, Math.max(from, count));
      for (const line of logs) this.#progress.step(`${id}: ${line.slice(line.indexOf(' ') + 1)}`);
      await this.#tellFailure(queue, id);
    }
  }

  async #tellFailure(queue: ReturnType<Queues['get']>, id: string): Promise<void> {
    const job = await queue.getJob(id);
    if (!job?.failedReason || job.returnvalue != null) return;
    const word = `${job.attemptsMade} ${job.failedReason}`;
    if (this.#failures.has(word)) return;
    this.#failures.add(word);
    const { code, message } = readFailure(job.failedReason);
    const again = (await job.isFailed()) ? '' : ' (it is tried again)';
    this.#progress.warn(`${id}: ${code}: ${message}${again}`);
  }
}

/** Whether any worker has sent a heartbeat lately. */
export async function hasWorkers({ redis }: Queues): Promise<boolean> {
  const ids = await redis.smembers(keys.workers);
  return ids.length > 0 && (await redis.exists(...ids.map((id) => keys.worker(id)))) > 0;
}
