/** What every snapshotter must do when several processes use it, and when they die in the middle of it. */
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { mountsBelow, unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import type { Snapshotter } from '../../../src/stages/snapshot/snapshotter.ts';
import { drivers, removeAllBut, type DriverName } from './drivers.ts';
import { startProgram } from './program.ts';

const actor = fileURLToPath(new URL('actor.ts', import.meta.url));

/** Every directory below a state directory down to the trees themselves, without what SQLite comes and goes with. */
async function directories(state: string): Promise<string[]> {
  const { stdout } = await run('find', [
    state,
    '-mindepth',
    '1',
    '-maxdepth',
    '4',
    '!',
    '-name',
    'metadata.db*',
  ]);
  return stdout.trim().split('\n').toSorted();
}

async function names(snapshots: Snapshotter): Promise<string[]> {
  const all: string[] = [];
  await snapshots.walk((snapshot) => void all.push(snapshot.name));
  return all;
}

export function processes(driver: DriverName): void {
  const { open, steps, audit } = drivers[driver];

  describe(`${driver} under several processes`, { timeout: 1_800_000 }, () => {
    let state: string;
    beforeAll(async () => {
      state = await mkdtemp('/var/tmp/milliner-snapshots-');
      const snapshots = await open(state);
      await snapshots.prepare('key');
      await writeFile(`${await snapshots.mount('key')}/base`, '');
      await snapshots.commit('base', 'key');
      await snapshots.close();
    });
    // Whatever a test that failed has left, the next begins with the base alone.
    afterEach(async ({ task }) => {
      if (task.result?.state !== 'fail') return;
      const snapshots = await open(state);
      await removeAllBut(snapshots, ['base']);
      await snapshots.close();
    });
    afterAll(async () => {
      await unmountAllBelow(state, { detach: true });
      await drivers[driver].destroy(state);
      await rm(state, { recursive: true });
    });

    const deaths = Object.entries(steps).flatMap(([operation, all]) =>
      all.map((step) => [operation, step] as const),
    );
    // Each takes its time in a virtual machine: a fifth of them here, all in the long run.
    const isSample = driver === 'dm-thin' && process.env['MILLINER_SOAK'] === undefined;
    const tried = isSample ? deaths.filter((_, index) => index % 5 === 1) : deaths;
    test.for(tried)(
      'killed in %s when %s: the next process finds nothing of it',
      async ([operation, step]) => {
        const before = await directories(state);
        const died = startProgram(actor, 'die', driver, state, operation, step);
        expect((await died).signal).toBe('SIGKILL');

        const snapshots = await open(state);
        expect(await mountsBelow(state)).toEqual([]);
        // A commit whose row was written has happened; everything else has not.
        const happened =
          operation === 'commit' && steps.commit.indexOf(step) >= steps.commit.indexOf('committed');
        expect(await names(snapshots)).toEqual(happened ? ['base', 'done'] : ['base']);
        if (happened) await snapshots.remove('done');
        await snapshots.prepare('victim', 'base');
        expect(await readdir(await snapshots.mount('victim'))).toEqual(['base']);
        await snapshots.remove('victim');
        await snapshots.close();
        expect(await directories(state)).toEqual(before);
        await audit(state);
      },
    );

    test("a living process's snapshots are its own; a dead one's are cleared", async () => {
      const child = startProgram(actor, 'hold', driver, state);
      await once(child.stdout, 'data');
      const snapshots = await open(state);
      expect(snapshots.stat('held')).toMatchObject({ kind: 'active' });
      const trees = (await mountsBelow(state)).filter(({ target }) => target.endsWith('/rootfs'));
      expect(trees).toHaveLength(1);
      for (const refused of [
        snapshots.remove('held'),
        snapshots.mount('held'),
        snapshots.commit('x', 'held'),
      ]) {
        await expect(refused).rejects.toMatchObject({ code: 'SNAPSHOT_IN_USE' });
      }
      child.kill('SIGKILL');
      await child;
      await snapshots.reconcile();
      expect(await names(snapshots)).toEqual(['base']);
      expect(await mountsBelow(state)).toEqual([]);
      await snapshots.close();
      await audit(state);
    });

    test('processes that build at once all succeed, and one of each shared name remains', async () => {
      const rounds = process.env['MILLINER_SOAK'] ? 10 : 1;
      for (let round = 0; round < rounds; round++) {
        const who = ['ann', 'bob', 'cy'].map((name) => `${name}${round}`);
        const ended = await Promise.all(who.map((name) => startProgram(actor, 'build', driver, state, name)));
        for (const { exitCode, stderr } of ended) expect(exitCode, stderr).toBe(0);
      }
      const snapshots = await open(state);
      const all = await names(snapshots);
      expect(all.filter((name) => name.startsWith('shared')).toSorted()).toEqual(
        [1, 3, 5, 7].map((round) => `shared ${round}`),
      );
      expect(all.filter((name) => name.startsWith('by'))).toHaveLength(3 * 3 * rounds);
      expect(await mountsBelow(state)).toEqual([]);
      await removeAllBut(snapshots, ['base']);
      await snapshots.close();
      await audit(state);
    });
  });
}
