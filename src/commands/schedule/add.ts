import { Args, Flags } from '@oclif/core';
import { QueueCommand } from '../../cli/queue-command.ts';
import { addSchedule, hasNightWorkers, type Scheduled } from '../../queue/schedules.ts';

export default class ScheduleAddCommand extends QueueCommand {
  static override summary = 'Have workers run a release set on a schedule';
  static override description = `The schedule is kept in the queue, and any worker that is not limited to sign starts the night: there must be one (milliner
worker), on a machine that has the set at the same path. A night that no worker could start is made up once. Times are in UTC.

The schedule of the same set is replaced. It is sealed by this machine: workers on other machines must have enrolled it
for submit.`;
  static override examples = [
    '<%= config.bin %> schedule add',
    "<%= config.bin %> schedule add recipes/milliner.yaml --cron '30 2 * * *'",
  ];
  static override args = {
    set: Args.string({
      description: 'a release set; the default is milliner.yaml here or in recipes/',
    }),
  };
  static override flags = {
    cron: Flags.string({
      summary: "minute, hour, day, month and weekday in UTC, in place of the set's own schedule",
      helpValue: 'PATTERN',
    }),
    'plain-http': Flags.boolean({ summary: 'the registries have no TLS', default: false }),
  };

  async run(): Promise<Scheduled & { served: boolean }> {
    const { args, flags } = await this.parse(ScheduleAddCommand);
    return this.withQueues(flags, async (queues) => {
      const options = { cron: flags.cron, plainHttp: flags['plain-http'] };
      const schedule = await addSchedule(queues, args.set, options);
      const served = await hasNightWorkers(queues);
      this.log(`${schedule.set}  ${schedule.cron}  next ${schedule.next}`);
      if (!served) this.warn('no worker runs that starts it; start one with: milliner worker');
      return { ...schedule, served };
    });
  }
}
