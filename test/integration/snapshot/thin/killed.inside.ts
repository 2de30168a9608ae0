/** kill -9 at any moment, again and again within one boot. */
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mountsBelow } from '../../../../src/lib/host/mounts.ts';
import { createPool, removePool } from '../../../../src/stages/snapshot/thin/create.ts';
import { ThinSnapshotter } from '../../../../src/stages/snapshot/thin/thin.ts';
import { auditPool, thinRequest } from '../../../helpers/snapshot/drivers.ts';
import { startProgram } from '../../../helpers/snapshot/program.ts';
import { certify, expectedAfter, goOn } from './certify.ts';

const churn = fileURLToPath(new URL('churn.ts', import.meta.url));
/** Each on a pool of its own: what is there is looked at after every kill, and grows with them. */
const rounds = process.env['MILLINER_SOAK'] ? [1, 2, 3, 4] : [1];
const kills = process.env['MILLINER_SOAK'] ? 50 : 2;
/** Milliseconds of work that a kill may come in. */
const longest = 2500;

let state: string;
beforeEach(async () => {
  state = await mkdtemp('/var/tmp/milliner-killed-');
  await createPool(state, thinRequest);
});
afterEach(async () => {
  await removePool(state, { force: true });
  await rm(state, { recursive: true });
});

async function killOne(): Promise<string[]> {
  const child = startProgram(churn, state);
  const notes: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => notes.push(line));
  await once(lines, 'line');
  await sleep(Math.random() * longest);
  child.kill('SIGKILL');
  await child;
  return notes;
}

test.each(rounds)(
  'killed at random, %i: what was committed is whole, nothing is left over, and the next operation works',
  async () => {
    let there: string[] = [];
    for (let kill = 0; kill < kills; kill++) {
      const { must } = expectedAfter([...there.map((name) => `+${name}`), ...(await killOne())]);
      const snapshots = await ThinSnapshotter.open(state);
      expect(await mountsBelow(state)).toEqual([]);
      there = await certify(snapshots, must);
      await goOn(snapshots);
      await snapshots.close();
      await auditPool(state);
    }
  },
  7_200_000,
);
