/** The base of the pool commands: prints the state of a pool. */
import type { PoolState } from '../pipeline/setup/pool.ts';
import { MillinerCommand } from './base-command.ts';

export abstract class PoolCommand extends MillinerCommand {
  protected show(pool: PoolState): void {
    const { data, metadata, mode, needsCheck, transactionId } = pool.status;
    const part = ({ used, total }: typeof data) =>
      `${human(used)} of ${human(total)} (${total > 0 ? Math.round((used / total) * 100) : 0}%)`;
    this.log(`pool         ${pool.uuid}, ${pool.fileSystem}`);
    this.log(`data         ${part(data)} on ${pool.data}${pool.isLow ? '; low' : ''}`);
    this.log(`metadata     ${part(metadata)} on ${pool.metadata}`);
    this.log(`mode         ${mode}${needsCheck ? ', needs check' : ''}`);
    this.log(`transaction  ${transactionId}`);
    const count = (kind: string) => pool.snapshots.filter((one) => one.kind === kind).length;
    this.log(`snapshots    ${count('committed')} committed, ${count('active') + count('view')} in use`);
    for (const { name, digest, mapped, exclusive } of pool.images) {
      this.log(`${name}  ${digest.slice(0, 19)}  ${human(mapped)}, ${human(exclusive)} of it alone`);
    }
    if (pool.isLow) this.warn('the pool is nearly full; make it larger with: milliner pool grow');
  }
}

function human(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes > 0 ? Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10)) : 0;
  return `${(bytes / 1024 ** power).toFixed(power > 0 ? 1 : 0)} ${units[power]}`;
}
