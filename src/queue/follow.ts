/** release waits: tells what its releases do until all have ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Progress } from '../host/progress.ts';
import { jobsOf, parseRelease, readFailure, releaseQueue } from './job.ts';
import { keys, type Queues } from './queues.ts';
import { findRelease, type ReleaseStatus } from './status.ts';

const pollMilliseconds = 300;

export interface Follow {
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Called again and again, while there is something to wait for. */
  onPoll: () => Promise<void>;
}

/** Gives the releases as they ended. Throws the signal's reason. */
export async function follow(
  queues: Queues,
  ids: readonly string[],
  options: Follow,
): Promise<ReleaseStatus[]> {
  const open = new Map(ids.map((id) => [id, new Story(queues, id, options.progress)]));
  const ended = new Map<string, ReleaseStatus>();
  while (open.size > 0) {
    options.signal?.throwIfAborted();
    await options.onPoll();
    for (const [id, story] of open) {
      const job = await queues.get(releaseQueue).getJob(id);
      const isOver = !job || (await job.isCompleted()) || (await job.isFailed());
      await story.tell();
      if (!isOver) continue;
      open.delete(id);
      if (job) ended.set(id, await findRelease(queues, id, false));
      else options.progress.warn(`${id}: was removed from the queue`);
    }
    if (open.size > 0)
      await sleep(pollMilliseconds, undefined, { signal: options.signal }).catch(() => undefined);
  }
  return ids.flatMap((id) => ended.get(id) ?? []);
}

/** The new lines of all jobs of a release, in order. */
class Story {
  readonly #queues: Queues;
  readonly #id: string;
  readonly #progress: Progress;
  readonly #told = new Map<string, number>();
  readonly #failures = new Set<string>();

  constructor(queues: Queues, id: string, progress: Progress) {
    this.#queues = queues;
    this.#id = id;
    this.#progress = progress;
  }

  async tell(): Promise<void> {
    const release = await this.#queues.get(releaseQueue).getJob(this.#id);
    if (!release) return;
    for (const { queue: name, id } of jobsOf(this.#id, parseRelease(release.data))) {
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

/** Whether some worker has lately said that it lives. */
export async function hasWorkers({ redis }: Queues): Promise<boolean> {
  const ids = await redis.smembers(keys.workers);
  return ids.length > 0 && (await redis.exists(...ids.map((id) => keys.worker(id)))) > 0;
}
