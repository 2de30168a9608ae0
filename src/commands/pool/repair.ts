import { MillinerCommand } from '../../cli/base-command.ts';
import { repairStatePool } from '../../pipeline/setup/pool.ts';

export default class PoolRepairCommand extends MillinerCommand {
  static override summary = 'Repair a dm-thin pool that is marked for a check, read-only or damaged';
  static override description = `Nothing may use the pool meanwhile. Where thin_check finds nothing, the mark alone is cleared; damaged metadata is made
anew with thin_repair, and what it was before is kept beside it. Images whose snapshots are lost are forgotten, and
built again when they are next asked for.`;
  static override examples = ['<%= config.bin %> pool repair'];

  async run(): Promise<object> {
    const { flags } = await this.parse(PoolRepairCommand);
    const repaired = await repairStatePool(this.runOptions(flags));
    if (repaired.backup !== undefined)
      this.log(`the metadata was damaged; as it was it is in ${repaired.backup}`);
    for (const name of repaired.lost) this.log(`lost snapshot ${name}`);
    for (const name of repaired.images) this.log(`forgotten image ${name}`);
    if (repaired.unknown.length > 0)
      this.log(`removed ${repaired.unknown.length} thin ids that no snapshot had`);
    this.log('the pool is clean');
    return repaired;
  }
}
