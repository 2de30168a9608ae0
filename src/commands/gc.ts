import { Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { sizeText } from '../cli/format-table.ts';
import { collectGarbage, gcDefaults } from '../pipeline/state/gc.ts';

export default class GcCommand extends MillinerCommand {
  static override summary = 'Remove what no image needs from the state directory';
  static override description =
    'Waits for running builds. Images that have a name stay, and the last generations of each name (milliner log); milliner rmi takes names away.';
  static override examples = [
    '<%= config.bin %> gc --dry-run',
    '<%= config.bin %> gc',
    '<%= config.bin %> gc --keep-generations 1 --keep-days 0',
    '<%= config.bin %> gc --max-size 20G',
  ];
  static override flags = {
    'keep-generations': Flags.integer({
      summary: 'keep so many images of each name, the current one included',
      default: gcDefaults.generations,
      min: 1,
      max: 50,
    }),
    'keep-days': Flags.integer({
      summary: 'keep fetched packages used within this many days; 0 empties every cache',
      default: gcDefaults.keepDays,
      min: 0,
      // A century. A much larger value gives an invalid date, and nothing would count as old.
      max: 36_500,
    }),
    'max-size': Flags.string({
      summary:
        'then remove what was not used for longest, until the store has no more than this, such as 20G',
    }),
    'dry-run': Flags.boolean({ summary: 'show what would be removed, and remove nothing', default: false }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(GcCommand);
    const maxSize = flags['max-size'];
    const maxBytes = maxSize === undefined ? undefined : this.sizeOf('--max-size', maxSize);
    const isDry = flags['dry-run'];
    return this.withContext(flags, async (context) => {
      const done = await collectGarbage(context, {
        keepDays: flags['keep-days'],
        generations: flags['keep-generations'],
        maxBytes,
        isDry,
      });
      for (const name of done.snapshots) this.log(`snapshot ${name}`);
      this.log(`${isDry ? 'would remove' : 'removed'} ${done.blobs} blobs, ${sizeText(done.bytes)}`);
      return { ...done, dryRun: isDry };
    });
  }
}
