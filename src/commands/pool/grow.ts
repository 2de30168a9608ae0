import { Flags } from '@oclif/core';
import { PoolCommand } from '../../cli/pool-command.ts';
import { growStatePool, type PoolState } from '../../pipeline/setup/pool.ts';

export default class PoolGrowCommand extends PoolCommand {
  static override summary = 'Make the dm-thin pool larger, also while it is in use or full';
  static override description =
    'A pool on block devices takes all that they have become: enlarge them first (lvextend). One in files is given its new size.';
  static override examples = [
    '<%= config.bin %> pool grow',
    '<%= config.bin %> pool grow --size 40G',
    '<%= config.bin %> pool grow --metadata-size 256M',
  ];
  static override flags = {
    size: Flags.string({ summary: 'of the data, for a pool in files' }),
    'metadata-size': Flags.string({ summary: 'of the metadata, for a pool in files' }),
  };

  async run(): Promise<PoolState> {
    const { flags } = await this.parse(PoolGrowCommand);
    const metadata = flags['metadata-size'];
    const pool = await growStatePool(this.runOptions(flags), {
      size: flags.size === undefined ? undefined : this.sizeOf('--size', flags.size),
      metadataSize: metadata === undefined ? undefined : this.sizeOf('--metadata-size', metadata),
    });
    this.show(pool);
    return pool;
  }
}
