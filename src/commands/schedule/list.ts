import { Args } from '@oclif/core';
import { scheduleLine } from '../../cli/format-schedule.ts';
import { QueueCommand } from '../../cli/queue-command.ts';
import { listSchedules, logsOf } from '../../queue/schedule-status.ts';
import { requireSchedule } from '../../queue/schedules.ts';

export default class ScheduleListCommand extends QueueCommand {
  static override summary = 'List the schedules of release sets, or show one with the log of its last night';
  static override examples = [
    '<%= config.bin %> schedule list',
    '<%= config.bin %> schedule list fedora-43',
    '<%= config.bin %> schedule list --json',
  ];
  static override args = { name: Args.string({ description: 'a release set' }) };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(ScheduleListCommand);
    return this.withQueues(flags, async (queues) => {
      const all = await listSchedules(queues);
      if (args.name === undefined) {
        for (const one of all) this.log(scheduleLine(one));
        if (all.length === 0) this.log('no schedules');
        return { schedules: all };
      }
      const one = requireSchedule(all, args.name);
      this.log(scheduleLine(one));
      const logs = one.last ? await logsOf(queues, one.last) : [];
      for (const line of logs) this.log(`  ${line}`);
      if (one.last?.error)
        this.log(`\n${one.last.error.code}: ${one.last.error.message}\n  ${one.last.error.hint}`);
      return { ...one, logs };
    });
  }
}
