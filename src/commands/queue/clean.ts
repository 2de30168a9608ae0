import { Flags } from '@oclif/core';
import { QueueCommand } from '../../cli/queue-command.ts';
import { cleanReleases } from '../../queue/release-control.ts';

const hour = 3_600_000;

export default class QueueCleanCommand extends QueueCommand {
  static override summary = 'Forget releases that ended, with their jobs and logs';
  static override description =
    'The queue itself keeps no more than 2000 releases of either kind, those that were released for 30 days, those that failed for 90.';
  static override examples = [
    '<%= config.bin %> queue clean',
    '<%= config.bin %> queue clean --older-than 168',
  ];
  static override flags = {
    'older-than': Flags.integer({
      summary: 'only those that ended so many hours ago',
      helpValue: 'HOURS',
      default: 0,
      min: 0,
      max: 876_000,
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(QueueCleanCommand);
    return this.withQueues(flags, async (queues) => {
      const releases = await cleanReleases(queues, flags['older-than'] * hour);
      this.log(`forgot ${releases.length} releases`);
      return { removed: releases };
    });
  }
}
