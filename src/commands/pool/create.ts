import { Flags } from '@oclif/core';
import { PoolCommand } from '../../cli/pool-command.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { createStatePool, type PoolState } from '../../pipeline/setup/pool.ts';

export default class PoolCreateCommand extends PoolCommand {
  static override summary = 'Set up a dm-thin pool, which then holds the snapshots of this state directory';
  static override description = `Takes two block devices, LVM logical volumes for example, which must be empty and unused: give them by names that stay,
as /dev/VG/LV or /dev/disk/by-id do. For development, --size makes it in files of the state directory.

A pool that is full fails what writes to it at once, and is mended with pool grow. Images that were built in overlay
snapshots are built again in the pool when they are next asked for.`;
  static override examples = [
    '<%= config.bin %> pool create --size 20G',
    '<%= config.bin %> pool create --data /dev/vg0/milliner --metadata /dev/vg0/milliner-meta',
    '<%= config.bin %> pool create --size 100G --fs xfs --volume-size 64G --low-water 10',
  ];
  static override flags = {
    size: Flags.string({
      summary: 'of the data, in sparse files of the state directory',
      exclusive: ['data', 'metadata'],
    }),
    data: Flags.string({
      summary: 'block device for the data',
      helpValue: 'DEVICE',
      dependsOn: ['metadata'],
    }),
    metadata: Flags.string({
      summary: "block device for the pool's metadata; 1 GiB is enough for 1 TiB of data",
      helpValue: 'DEVICE',
      dependsOn: ['data'],
    }),
    fs: Flags.option({ options: ['ext4', 'xfs'] as const })({
      summary: 'file system of the snapshots',
      default: 'ext4',
    }),
    'volume-size': Flags.string({
      summary: 'the most that one tree may hold; takes no space by itself',
      default: '32G',
    }),
    'low-water': Flags.integer({
      summary: 'percent of the data: with less free, every command that opens the state warns',
      default: 20,
      min: 1,
      max: 99,
    }),
  };

  async run(): Promise<PoolState> {
    const { flags } = await this.parse(PoolCreateCommand);
    const { size, data, metadata } = flags;
    const on = data !== undefined && metadata !== undefined ? { data, metadata } : undefined;
    if (!on && size === undefined) {
      throw new MillinerError('USAGE', 'a pool needs --data and --metadata, or --size');
    }
    const pool = await createStatePool(this.runOptions(flags), {
      on: on ?? { size: this.sizeOf('--size', size!) },
      fileSystem: flags.fs,
      volumeSize: this.sizeOf('--volume-size', flags['volume-size']),
      lowWater: flags['low-water'],
    });
    this.show(pool);
    return pool;
  }
}
