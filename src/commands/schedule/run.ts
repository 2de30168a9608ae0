import { Args } from '@oclif/core';
import { QueueCommand } from '../../cli/queue-command.ts';
import { hasNightWorkers, runSchedule } from '../../queue/schedules.ts';

export default class ScheduleRunCommand extends QueueCommand {
  static override summary = 'Have a worker run a scheduled release set now, once';
  static override description =
    'Prints the job, and does not wait for it. The schedule stays as it is. milliner schedule list NAME shows the log.';
  static override examples = ['<%= config.bin %> schedule run fedora-43'];
  static override args = { name: Args.string({ required: true, description: 'a release set' }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ScheduleRunCommand);
    return this.withQueues(flags, async (queues) => {
      const job = await runSchedule(queues, args.name);
      const served = await hasNightWorkers(queues);
      this.log(job);
      if (!served) this.warn('no worker runs that starts it; start one with: milliner worker');
      return { job, served };
    });
  }
}
