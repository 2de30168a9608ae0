/**
 * Inside a machine whose power may go: `begin NOTES` sets up a disk, `go on NOTES` finds out what is left of it and
 * works on, `look NOTES` only finds out. Says `working` when it works, and then its notes.
 */
import { execFileSync } from 'node:child_process';
import { flushCompileCache } from 'node:module';
import { createPool } from '../../../../src/stages/snapshot/thin/create.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { auditPool } from '../../../helpers/snapshot/drivers.ts';
import { certify, expectedAfter, goOn } from './certify.ts';
import { churn } from './churn.ts';
import { mountState, paths, split } from './split.ts';

const [action = '', noted = '[]'] = process.argv.slice(2);
const disk = '/dev/vdb';

// The machine that it runs in does not end in order.
flushCompileCache();
await split(disk);
if (action === 'begin') execFileSync('mkfs.ext4', ['-q', '/run/split/state']);
await mountState();
if (action === 'begin') {
  const on = { data: paths.data, metadata: paths.metadata };
  await createPool(paths.state, { on, fileSystem: 'ext4', volumeSize: 1024 ** 3, lowWater: 20 });
} else {
  const snapshots = await ThinSnapshotter.open(paths.state);
  await certify(snapshots, expectedAfter(JSON.parse(noted) as string[]).must);
  await goOn(snapshots);
  await snapshots.close();
  await auditPool(paths.state);
}
if (action !== 'look') {
  const snapshots = await ThinSnapshotter.open(paths.state);
  process.stdout.write('working\n');
  await churn(snapshots, 10_000, (line) => void process.stdout.write(`${line}\n`));
}
