import { Args, Flags } from '@oclif/core';
import { scheduleLine } from '../../cli/format-schedule.ts';
import { QueueCommand } from '../../cli/queue-command.ts';
import { listSchedules } from '../../queue/schedule-status.ts';
import { findRelease, listReleases, listWorkers, type ReleaseStatus } from '../../queue/status.ts';

export default class QueueStatusCommand extends QueueCommand {
  static override summary =
    'Show the releases in the queue, the workers and the schedules, or one release with its logs';
  static override examples = [
    '<%= config.bin %> queue status',
    '<%= config.bin %> queue status demo-base-12',
    '<%= config.bin %> queue status --json',
  ];
  static override args = {
    release: Args.string({ description: 'a release, to see its jobs and their logs' }),
  };
  static override flags = {
    finished: Flags.integer({
      summary: 'how many of those that ended, of either kind',
      default: 20,
      min: 0,
      max: 2000,
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(QueueStatusCommand);
    return this.withQueues(flags, async (queues) => {
      if (args.release !== undefined) {
        const release = await findRelease(queues, args.release);
        this.#showOne(release);
        return release;
      }
      const releases = await listReleases(queues, flags.finished);
      const workers = await listWorkers(queues);
      const schedules = await listSchedules(queues);
      for (const release of releases) this.log(lineOf(release));
      for (const { host, pid, takes, running } of workers) {
        this.log(`worker ${host} ${pid}: ${running.join(', ') || 'idle'} (takes ${takes.join(', ')})`);
      }
      for (const one of schedules) this.log(`schedule ${scheduleLine(one)}`);
      if (releases.length === 0) this.log('no releases');
      return { releases, workers, schedules };
    });
  }

  #showOne(release: ReleaseStatus): void {
    this.log(lineOf(release));
    for (const { job, state, attempts, error, logs = [] } of release.stages) {
      this.log(`\n${job}: ${state}${attempts > 1 ? `, attempt ${attempts}` : ''}`);
      for (const line of logs) this.log(`  ${line}`);
      if (error) this.log(`  ${error.code}: ${error.message}\n  ${error.hint}`);
    }
    if (release.error) this.log(`\n${release.error.code}: ${release.error.message}\n  ${release.error.hint}`);
  }
}

function lineOf({ release, state, waitsFor, stages, report, error }: ReleaseStatus): string {
  const current = stages.filter((one) => one.state !== 'done').map(wordOf);
  const about = report
    ? report.references.join(', ')
    : (error?.code ?? (waitsFor === undefined ? current.join(', ') : `after ${waitsFor}`));
  return `${release}  ${state}  ${about}`.trimEnd();
}

function wordOf({ stage, arch, state, progress, unserved }: ReleaseStatus['stages'][number]): string {
  const what = arch === undefined ? stage : `${stage} ${arch}`;
  const how = unserved === undefined ? (progress ?? state) : `${state}: no worker takes ${unserved}`;
  return `${what} (${how})`;
}
