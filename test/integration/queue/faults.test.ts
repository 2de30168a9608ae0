/** What goes wrong on the way: each ends as it is documented, and the rest goes through. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { livingOf, remains } from '../../helpers/remains.ts';
import { soak, today } from '../../helpers/soak.ts';
import { Workshop } from './queue-fixture.ts';

let workshop: Workshop;
let redis: RedisServer;
beforeAll(async () => {
  workshop = await Workshop.open();
  redis = await RedisServer.start();
});
afterAll(async () => {
  await unmountAllBelow(workshop.bench.desk.directory, { detach: true });
  await workshop.close();
  await redis.close();
});

const placeOf = (name: string) => ({ state: workshop.bench.desk.path(`state-${name}`) });
const templateOf = (place: string) => `${workshop.bench.server.host}/${place}/{{name}}:1`;
/** Runs until it is stopped. */
const lasting = (settle: string) => ({
  config: { cmd: ['/bin/sh', '-c', `trap 'exit 0' TERM; while :; do sleep 0.1; done`] },
  test: { init: false, settle },
});
const tiny = (name: string, fields: Record<string, unknown> = {}, packages = ['tiny-base']) =>
  workshop.bench.desk.tiny(name, packages, { ...runsToItsEnd, ...fields });

async function released(name: string): Promise<Record<string, ReleaseStatus>> {
  const { releases } = await workshop.status(placeOf(name));
  return Object.fromEntries(releases.map((one) => [one.recipe, one]));
}

/** A quarter of them a day. */
function inTurn(turn: number, name: string, body: () => Promise<void>): void {
  if (soak || turn === today % 4) test(name, body);
}

inTurn(0, 'a registry that is away for half a minute is waited for', async () => {
  const recipe = await tiny('patient');
  const child = workshop.start(workshop.releasing([recipe], templateOf('away'), '--json'), placeOf('away'));
  await workshop.bench.server.kill();
  await sleep(30_000);
  await workshop.bench.server.start();
  const { exitCode, stderr } = await child;
  expect([exitCode, stderr]).toEqual([0, expect.any(String)]);
  expect(await workshop.bench.tags('away/patient')).toHaveLength(4);
});

inTurn(
  1,
  'a recipe that always fails is not tried again, and what stands on it fails with it; the rest goes through',
  async () => {
    const recipes = [
      await tiny('sound'),
      await tiny('broken', { config: { cmd: ['/usr/bin/false'] } }),
      await tiny('above', { from: 'broken' }),
      await tiny('stale'),
    ];
    await workshop.bench.desk.build(recipes[3]!, '--state', placeOf('lock').state);
    const text = await readFile(recipes[3]!, 'utf8');
    await writeFile(recipes[3]!, text.replace('- tiny-base', '- tiny-base\n  - tiny-app'));
    const { code, stdout } = await workshop.ends(
      workshop.releasing(recipes, templateOf('failing'), '--json'),
      placeOf('failing'),
    );
    expect(code).toBe(18);
    const { error } = JSON.parse(stdout) as {
      error: { code: string; details: { releases: ReleaseStatus[] } };
    };
    expect(error.code).toBe('RELEASE_FAILED');
    const outcome = Object.fromEntries(
      error.details.releases.map((one) => [one.recipe, one.error?.code ?? one.state]),
    );
    expect(outcome).toEqual({
      sound: 'released',
      broken: 'BOOT_FAILED',
      above: 'BASE_FAILED',
      stale: 'LOCK_STALE',
    });
    const { broken, stale } = await released('failing');
    expect(broken!.stages.map(({ stage, state, attempts }) => [stage, state, attempts])).toEqual([
      ['lock', 'done', 1],
      ['build', 'failed', 1],
    ]);
    // The evidence: what its instances did.
    expect(broken!.stages[1]!.error!.details).toMatchObject({
      passed: false,
      causes: [{ code: expect.any(String) }],
    });
    expect(stale!.stages.map(({ attempts }) => attempts)).toEqual([1]);
    expect(await workshop.bench.tags('failing/broken')).toEqual([]);
    // It fails again, for the same reason; nothing else does.
    await workshop.json(['queue', 'retry', broken!.release], placeOf('failing'));
    expect((await workshop.worker(['--once'], placeOf('failing')).ended).exitCode).toBe(0);
    const again = await released('failing');
    expect(again['broken']!.error!.code).toBe('BOOT_FAILED');
    expect(again['sound']!.finished).toBe((await released('failing'))['sound']!.finished);
    expect(await remains({ directory: placeOf('failing').state, state: placeOf('failing').state })).toEqual(
      [],
    );
  },
);

inTurn(2, 'a cancelled release ends with all that it has started, and can be taken up again', async () => {
  const place = placeOf('cancelled');
  const slow = await tiny('slow', lasting('12s'));
  const other = await tiny('other');
  const [first, second] = await workshop.queue([slow, other], templateOf('cancelled'), place);
  const worker = workshop.worker(['--once', '--jobs', '1'], place);
  await worker.says(({ message }) => message.startsWith('booting slow'));
  const started = await worker.descendants();
  const jobs = await worker.jobs();
  expect(jobs.length).toBe(1);
  await workshop.json(['queue', 'cancel', first!], place);
  await worker.says(
    ({ job, message }) => job === `${first}.build.x86_64` && message === 'stopped: cancelled',
  );
  expect((await worker.ended).exitCode).toBe(0);
  expect(await livingOf(started)).toEqual([]);
  expect(await remains({ directory: place.state, state: place.state })).toEqual([]);
  const after = await released('cancelled');
  expect([after['slow']!.state, after['other']!.state]).toEqual(['cancelled', 'released']);
  expect(after['slow']!.error!.code).toBe('RELEASE_CANCELLED');
  expect(second).toBe(after['other']!.release);
  expect(await workshop.bench.tags('cancelled/slow')).toEqual([]);

  await workshop.json(['queue', 'retry', first!], place);
  expect((await workshop.worker(['--once'], place).ended).exitCode).toBe(0);
  expect((await released('cancelled'))['slow']!.state).toBe('released');
  expect((await workshop.ends(['queue', 'cancel', first!], place)).code).toBe(3);
});

inTurn(0, 'one that nobody has begun is cancelled at once, and never begins', async () => {
  const place = placeOf('early');
  const [id] = await workshop.queue([await tiny('early')], templateOf('early'), place);
  await workshop.json(['queue', 'cancel', id!], place);
  expect((await released('early'))['early']!.state).toBe('cancelled');
  expect((await workshop.worker(['--once'], place).ended).exitCode).toBe(0);
  const { early } = await released('early');
  expect([early!.state, early!.stages]).toEqual(['cancelled', []]);
});

inTurn(1, 'a worker whose disk is full leaves the work to another', async () => {
  const small = placeOf('small').state;
  await mkdir(small, { recursive: true });
  const env = { MILLINER_REDIS: redis.url };
  const [full, roomy] = [
    { state: small, env },
    { ...placeOf('roomy'), env },
  ];
  await run('mount', ['-t', 'tmpfs', '-o', 'size=3m,mode=0700', 'tmpfs', small]);
  await workshop.enroll([small, roomy.state]);
  const recipes = [await tiny('large', {}, ['tiny-base', 'tiny-slow']), await tiny('little')];
  await workshop.queue(recipes, templateOf('full'), roomy);
  const crowded = workshop.worker([], full);
  await crowded.says(({ message }) => message.startsWith('DISK_FULL'));
  await crowded.says(({ message }) => message.startsWith('the disk is full'));
  const other = workshop.worker(['--once'], roomy);
  expect((await other.ended).exitCode).toBe(0);
  crowded.kill('SIGTERM');
  expect((await crowded.ended).exitCode).toBe(0);
  const { releases } = await workshop.status(roomy);
  expect(releases.map(({ state }) => state)).toEqual(['released', 'released']);
  await run('umount', [small]);
  await rm(small, { recursive: true });
});

inTurn(3, 'SIGTERM: a job that ends soon ends, another is handed back without having failed', async () => {
  const place = placeOf('stopped');
  const slow = await tiny('lasting', lasting('16s'));
  const [id] = await workshop.queue([slow], templateOf('stopped'), place);
  const worker = workshop.worker([], place);
  await worker.says(({ message }) => message.startsWith('booting'));
  const started = await worker.descendants();
  worker.kill('SIGTERM');
  expect((await worker.ended).exitCode).toBe(0);
  expect(worker.lines.some(({ message }) => message === 'stopped: handed back')).toBe(true);
  expect(await livingOf(started)).toEqual([]);
  expect(await remains({ directory: place.state, state: place.state })).toEqual([]);
  const stopped = await released('stopped');
  expect(stopped['lasting']!.stages.at(-1)).toMatchObject({ stage: 'build', state: 'queued', attempts: 0 });
  expect((await workshop.worker(['--once'], place).ended).exitCode).toBe(0);
  expect((await released('stopped'))['lasting']!.release).toBe(id);
  expect((await released('stopped'))['lasting']!.state).toBe('released');
});

inTurn(3, 'an older release does not move a tag back that a later one has moved', async () => {
  const place = placeOf('order');
  const recipe = await tiny('hat', { files: [{ path: '/etc/hat', content: 'felt\n' }] });
  const [older] = await workshop.queue([recipe], templateOf('order'), place, '--priority', 'low');
  await writeFile(recipe, (await readFile(recipe, 'utf8')).replace('felt', 'silk'));
  await rm(recipe.replace(/\.yaml$/, '.lock.json'), { force: true });
  const [newer] = await workshop.queue([recipe], templateOf('order'), place, '--priority', 'high');
  // Both wait for a worker that can sign, and the second one is signed first.
  const env = { MILLINER_KEY_PASSWORD: 'wrong' };
  expect((await workshop.worker(['--once'], { ...place, env }).ended).exitCode).toBe(0);
  expect((await workshop.worker(['--once', '--jobs', '1'], place).ended).exitCode).toBe(0);
  const { releases } = await workshop.status(place);
  const byId = Object.fromEntries(releases.map((one) => [one.release, one]));
  expect(byId[newer!]!.state).toBe('released');
  const digest = byId[newer!]!.report!.images[0]!.manifestDigest;
  expect(await workshop.bench.client().headManifest('order/hat', '1')).toBe(digest);
  expect(byId[older!]!.error?.code).toBe('RELEASE_SUPERSEDED');
});

inTurn(
  3,
  'an older release that comes back late is not signed, and no move of its tag is recorded',
  async () => {
    const place = placeOf('late');
    const recipe = await tiny('late', { files: [{ path: '/etc/hat', content: 'felt\n' }] });
    const to = `${workshop.bench.server.host}/late:1`;
    const [older] = await workshop.queue([recipe], to, place);
    await workshop.json(['queue', 'cancel', older!], place);
    await writeFile(recipe, (await readFile(recipe, 'utf8')).replace('felt', 'silk'));
    await workshop.json(workshop.releasing([recipe], to), place);
    await workshop.json(['queue', 'retry', older!], place);
    expect((await workshop.worker(['--once'], place).ended).exitCode).toBe(0);
    const late = await workshop.json<ReleaseStatus>(['queue', 'status', older!], place);
    expect(late.error?.code).toBe('RELEASE_SUPERSEDED');
    expect(late.stages.at(-1)).toMatchObject({ stage: 'sign', state: 'failed', attempts: 1 });
    const history = ['log', to, '--key', workshop.bench.publicKey];
    expect((await workshop.json<{ moves: object[] }>(history)).moves).toHaveLength(1);
  },
);

inTurn(2, 'a shared Redis that goes away is waited for; one that never was there is said', async () => {
  const place = { ...placeOf('shared'), env: { MILLINER_REDIS: redis.url } };
  const [id] = await workshop.queue([await tiny('waiting')], templateOf('shared'), place);
  const worker = workshop.worker(['--once'], place);
  await worker.says(({ message }) => message.startsWith('installing'));
  await redis.kill();
  await sleep(3000);
  await redis.start();
  expect((await worker.ended).exitCode).toBe(0);
  const one = await workshop.json<ReleaseStatus>(['queue', 'status', id!], place);
  expect(one.state).toBe('released');
  const fails = async (url: string) => {
    const { code, stdout } = await workshop.ends(['queue', 'status', '--json'], {
      env: { MILLINER_REDIS: url },
    });
    return [code, (JSON.parse(stdout) as { error: { code: string } }).error.code];
  };
  expect(await fails(redis.url.replace('milliner:', 'nobody:'))).toEqual([17, 'QUEUE_DENIED']);
  expect(await fails(`redis://127.0.0.1:1`)).toEqual([17, 'QUEUE_UNAVAILABLE']);
  expect(await fails('http://localhost')).toEqual([2, 'USAGE']);
  const root = redis.client();
  await root.config('SET', 'maxmemory-policy', 'allkeys-lru');
  expect(await fails(redis.url)).toEqual([17, 'QUEUE_UNSAFE']);
  await root.config('SET', 'maxmemory-policy', 'noeviction');
  root.disconnect();
});
