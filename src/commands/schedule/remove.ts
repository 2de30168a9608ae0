import { Args } from '@oclif/core';
import { QueueCommand } from '../../cli/queue-command.ts';
import { removeSchedule } from '../../queue/schedules.ts';

export default class ScheduleRemoveCommand extends QueueCommand {
  static override summary = 'Remove the schedule of a release set';
  static override description = 'A night that runs already goes on to its end.';
  static override examples = ['<%= config.bin %> schedule remove fedora-43'];
  static override args = { name: Args.string({ required: true, description: 'a release set' }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ScheduleRemoveCommand);
    return this.withQueues(flags, async (queues) => {
      const running = await removeSchedule(queues, args.name);
      this.log(args.name);
      if (running.length > 0) this.warn(`${running.join(', ')} runs, and goes on`);
      return { removed: args.name, running };
    });
  }
}
