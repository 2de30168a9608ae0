/** A schedule as one line for people. */
import type { ScheduleStatus } from '../queue/schedule-status.ts';

export function scheduleLine({ set, cron, next, last }: ScheduleStatus): string {
  const words = [set, cron, next === undefined ? 'no next night' : `next ${next}`];
  if (last) words.push(`last ${last.started}: ${last.error?.code ?? last.state}`);
  return words.join('  ');
}
