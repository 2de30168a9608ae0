import { Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { collectGarbage } from '../pipeline/state/gc.ts';

export default class GcCommand extends MillinerCommand {
  static override summary = 'Remove what no image needs from the state directory';
  static override description = 'Waits for running builds. Images stay unless they are named with --remove.';
  static override examples = [
    '<%= config.bin %> gc',
    '<%= config.bin %> gc --remove demo-mariadb',
    '<%= config.bin %> gc --keep-days 0',
    '<%= config.bin %> gc --max-size 20G',
  ];
  static override flags = {
    remove: Flags.string({
      summary: 'image to forget, by name or digest; may be repeated',
      multiple: true,
      default: [],
    }),
    'keep-days': Flags.integer({
      summary: 'keep fetched packages used within this many days; 0 empties every cache',
      default: 14,
      min: 0,
      // A century. A much larger value gives an invalid date, and nothing would count as old.
      max: 36_500,
    }),
    'max-size': Flags.string({
      summary:
        'then remove what was not used for longest, until the store has no more than this, such as 20G',
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(GcCommand);
    const maxSize = flags['max-size'];
    const maxBytes = maxSize === undefined ? undefined : this.sizeOf('--max-size', maxSize);
    return this.withContext(flags, async (context) => {
      const done = await collectGarbage(context, {
        remove: flags.remove,
        keepDays: flags['keep-days'],
        maxBytes,
      });
      for (const name of done.images) this.log(`image ${name}`);
      for (const name of done.snapshots) this.log(`snapshot ${name}`);
      this.log(`removed ${done.blobs} blobs, ${(done.bytes / 1e6).toFixed(1)} MB`);
      return done;
    });
  }
}
