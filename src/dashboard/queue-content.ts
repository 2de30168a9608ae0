/** What the live page shows of the queue, read anew for each look. */
import type { Queues } from '../queue/queues.ts';
import { listSchedules, type ScheduleStatus } from '../queue/schedule-status.ts';
import { listReleases, listWorkers, type ReleaseStatus, type WorkerStatus } from '../queue/status.ts';
import { inTime } from './in-time.ts';

/** Releases of either kind that have ended. */
const maxFinished = 20;
/** Of each kind: more rows would slow the page down for all who watch. */
const maxRows = 200;

export interface QueueContent {
  /** Newest first. */
  releases: ReleaseStatus[];
  workers: WorkerStatus[];
  schedules: ScheduleStatus[];
}

export async function readContent(queues: Queues): Promise<QueueContent> {
  return inTime(
    (async () => {
      const releases = await listReleases(queues, maxFinished);
      const workers = (await listWorkers(queues)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
      const schedules = await listSchedules(queues);
      return {
        releases: releases.toReversed().slice(0, maxRows),
        workers: workers.slice(0, maxRows),
        schedules: schedules.slice(0, maxRows),
      };
    })(),
  );
}
