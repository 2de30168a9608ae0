import { Args } from '@oclif/core';
import { QueueCommand } from '../../cli/queue-command.ts';
import { cancelRelease } from '../../queue/release-control.ts';

export default class QueueCancelCommand extends QueueCommand {
  static override summary = 'Give up releases: what runs for them is stopped, with all that it has started';
  static override description =
    'A release that is about to move its tags may have done so before the word reaches it. Releases that stand on a cancelled one fail. It can be taken up again with queue retry.';
  static override examples = ['<%= config.bin %> queue cancel demo-base-12'];
  static override strict = false;
  static override args = {
    release: Args.string({ required: true, description: 'a release; may be repeated' }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(QueueCancelCommand);
    const releases = argv as string[];
    return this.withQueues(flags, async (queues) => {
      for (const release of releases) await cancelRelease(queues, release);
      for (const release of releases) this.log(release);
      return { cancelled: releases };
    });
  }
}
