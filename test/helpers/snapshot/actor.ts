/**
 * A process of its own that works on snapshots.
 * `die DRIVER STATE OPERATION STEP` kills itself at a step of an operation on children of "base".
 * `hold DRIVER STATE` mounts the snapshot "held", says so and stays.
 * `build DRIVER STATE WHO` makes chains beside others that do the same, and one name that all want.
 */
import { writeFile } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import type { MillinerError } from '../../../src/lib/errors/error.ts';
import { drivers, type DriverName } from './drivers.ts';

const [action = '', driver = '', state = '', ...rest] = process.argv.slice(2);
const { open } = drivers[driver as DriverName];

async function die(operation: string, step: string): Promise<void> {
  let armed = false;
  const snapshotter = await open(state, (reached) => {
    if (armed && reached === step) process.kill(process.pid, 'SIGKILL');
  });
  armed = operation === 'prepare';
  await snapshotter.prepare('victim', 'base');
  await writeFile(`${await snapshotter.mount('victim')}/file`, 'x');
  armed = true;
  await (operation === 'commit' ? snapshotter.commit('done', 'victim') : snapshotter.remove('victim'));
}

async function hold(): Promise<void> {
  const snapshotter = await open(state);
  await snapshotter.prepare('held', 'base');
  await writeFile(`${await snapshotter.mount('held')}/file`, 'x');
  process.stdout.write('held\n');
  setInterval(() => snapshotter, 1000);
}

async function build(who: string): Promise<void> {
  for (let round = 0; round < 8; round++) {
    const snapshotter = await open(state);
    const key = `${who} ${round}`;
    await snapshotter.prepare(key, 'base');
    await writeFile(`${await snapshotter.mount(key)}/${who}`, key);
    try {
      await snapshotter.commit(round % 2 ? `shared ${round}` : `by ${key}`, key);
    } catch (error) {
      if ((error as MillinerError).code !== 'SNAPSHOT_EXISTS') throw error;
      await snapshotter.remove(key);
    }
    if (round === 6) await snapshotter.remove(`by ${key}`);
    await snapshotter.close();
  }
}

// One that is killed does not do so at its end.
flushCompileCache();
if (action === 'die') await die(rest[0] ?? '', rest[1] ?? '');
else if (action === 'hold') await hold();
else await build(rest[0] ?? '');
