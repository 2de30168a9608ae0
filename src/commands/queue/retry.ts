import { Args, Flags } from '@oclif/core';
import { QueueCommand } from '../../cli/queue-command.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { failedReleases, retryRelease } from '../../queue/release-control.ts';

export default class QueueRetryCommand extends QueueCommand {
  static override summary = 'Take up failed or cancelled releases again, from the stage that failed';
  static override description =
    'The recipe is what it was when the release was queued: after a change of the recipe, release it again instead.';
  static override examples = [
    '<%= config.bin %> queue retry demo-base-12',
    '<%= config.bin %> queue retry --all',
  ];
  static override strict = false;
  static override args = {
    release: Args.string({ description: 'a release; may be repeated' }),
  };
  static override flags = {
    all: Flags.boolean({ summary: 'every release that failed', default: false }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(QueueRetryCommand);
    const ids = argv as string[];
    if (flags.all === ids.length > 0) {
      throw new MillinerError('USAGE', 'neither releases nor --all were given');
    }
    return this.withQueues(flags, async (queues) => {
      const releases = flags.all ? await failedReleases(queues) : ids;
      for (const release of releases) await retryRelease(queues, release);
      for (const release of releases) this.log(release);
      return { retried: releases };
    });
  }
}
