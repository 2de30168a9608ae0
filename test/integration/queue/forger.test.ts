/**
 * A forger who may write everything to the queue's Redis and to the exchange's storage, against two honest machines: one
 * that builds and one that signs. None of what he tries is signed, published, or opened; nothing is written outside.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import { claims } from '../../../src/queue/claims.ts';
import { identifyKey } from '../../../src/queue/keyring.ts';
import { readFailure } from '../../../src/queue/job.ts';
import { enrollMachine, ownMachine } from '../../../src/queue/machine.ts';
import { Machines, peek, type Sealed } from '../../../src/queue/sealed.ts';
import { runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { RedisServer } from '../../helpers/redis-server.ts';
import { shareOfDay } from '../../helpers/soak.ts';
import { eventually, Workshop, type Circumstances, type WorkerProcess } from './queue-fixture.ts';

let workshop: Workshop;
let redis: RedisServer;
let client: Redis;
let builder: Circumstances & { state: string };
let signer: Circumstances & { state: string };
/** Somebody's machine that nobody has enrolled. */
let forger: Machines;
let key: string;
let recipe: string;
/** Honest claims of a release that is through. */
let honest: { request: Sealed; locked: Sealed; built: Sealed[]; signed: Sealed; published: Sealed };
let workers: WorkerProcess[] = [];

beforeAll(async () => {
  workshop = await Workshop.open();
  redis = await RedisServer.start();
  client = redis.client();
  const env = { MILLINER_REDIS: redis.url };
  builder = { state: workshop.bench.desk.path('builder'), env };
  signer = { state: workshop.bench.desk.path('signer'), env };
  await workshop.enroll([builder.state, signer.state]);
  // The builder is where releases are asked for, too; the signer signs nothing that was built elsewhere.
  const { machine } = await ownMachine(builder.state);
  await enrollMachine(signer.state, machine, ['submit', 'build']);
  forger = new Machines(workshop.bench.desk.path('forger'));
  await forger.own();
  ({ id: key } = await identifyKey(workshop.bench.key));
  recipe = await workshop.bench.desk.tiny('hat', ['tiny-base'], runsToItsEnd);
  await workshop.queue([recipe], reference('honest'), builder, '--priority', 'low');
  workers = [
    workshop.worker(['--only', 'build'], builder),
    workshop.worker(['--only', 'sign', '--key', workshop.bench.key], signer),
  ];
  honest = await eventually(async () => {
    const done = (await queue('release').getJob('hat-1'))?.returnvalue as typeof honest | null | undefined;
    return done ?? undefined;
  });
});
afterAll(async () => {
  client.disconnect();
  await unmountAllBelow(workshop.bench.desk.directory, { detach: true });
  await workshop.close();
  await redis.close();
});

const reference = (tag: string) => `${workshop.bench.server.host}/hat:${tag}`;
const queues = new Map<string, Queue>();
function queue(name: string): Queue {
  const there =
    queues.get(name) ?? new Queue(name, { connection: client, prefix: 'milliner', skipMetasUpdate: true });
  queues.set(name, there);
  return there;
}

/** Puts a job there, and gives the code that it fails with. */
async function fails(name: string, id: string, data: unknown): Promise<string> {
  const job = await queue(name).add('forged', data, { jobId: id });
  const ended = async () => ((await job.isFailed()) ? true : (await job.isCompleted()) ? false : undefined);
  if (!(await eventually(ended))) return 'none';
  const { failedReason } = (await queue(name).getJob(id))!;
  await job.remove();
  return readFailure(failedReason).code;
}

/** The tags, and all that the machines keep outside of what every run changes. */
async function world() {
  const tags = (await workshop.bench.tags('hat')).filter((tag) => !tag.startsWith('sha256-'));
  const outside = await readdir(workshop.bench.desk.directory);
  return { tags: tags.toSorted(), outside: outside.toSorted() };
}

let number = 100;
beforeEach(() => number++);

describe('jobs of his own', () => {
  const evil: Digest = `sha256:${'e'.repeat(64)}`;
  const body = (change: object) => ({
    ...peek(claims.request, honest.request).body,
    at: Date.now(),
    to: [reference('evil')],
    ...change,
  });
  const old = (stage: string, more: object = {}) => ({
    release: `hat-${number}`,
    stage,
    data: { ...body({}), version: 1, number, key: { id: key, path: '/etc/shadow' } },
    ...more,
  });
  const image = () => peek(claims.built, honest.built[0]).body.image;
  const record = { name: '../../../../../../tmp/forged', snapshot: '../x' };
  const cases: [string, string, () => unknown][] = [
    [
      'a lock whose bundle is a directory of the worker',
      'lock-x86_64',
      () => old('lock', { bundle: { from: { directory: '/etc' } } }),
    ],
    [
      'a build on a record with a path for a name',
      'build-x86_64',
      () => old('build', { base: { image: { ...image(), record } } }),
    ],
    ['a signature that opens a file', 'sign', () => old('sign', { images: [image()] })],
    ['a publication of what was built', 'publish', () => old('publish', { images: [image()] })],
    [
      'a request of his own',
      'lock-x86_64',
      async () => ({ stage: 'lock', request: await forger.seal(claims.request, body({})) }),
    ],
    [
      'a signature on a build of his own',
      'sign',
      async () => ({
        stage: 'sign',
        ...honest,
        signed: undefined,
        published: undefined,
        built: [await forger.seal(claims.built, { request: evil, bundle: evil, image: image() })],
      }),
    ],
    [
      'a publication on a signature of his own',
      'publish',
      async () => ({
        stage: 'publish',
        ...honest,
        published: undefined,
        signed: await forger.seal(claims.signed, {
          request: evil,
          images: [evil],
          publicKey: '',
          signatures: [],
          attestations: [],
          uploadedBytes: 0,
          mountedBlobs: 0,
          skippedBlobs: 0,
        }),
      }),
    ],
    [
      "an honest build with a verdict of another's",
      'sign',
      () => ({
        stage: 'sign',
        ...honest,
        signed: undefined,
        published: undefined,
        built: [changed(honest.built[0]!, (one) => ((one['image'] as { verdict: string }).verdict = evil))],
      }),
    ],
    [
      'an honest request for another place',
      'publish',
      () => ({
        stage: 'publish',
        ...honest,
        published: undefined,
        request: changed(honest.request, (one) => (one['to'] = [reference('evil')])),
      }),
    ],
    ['nothing at all', 'publish', () => ({})],
    ['a list', 'publish', () => [honest]],
    [
      'ten megabytes',
      'publish',
      () => ({ stage: 'publish', ...honest, request: { ...honest.request, payload: 'A'.repeat(1e7) } }),
    ],
    [
      'a prototype',
      'publish',
      () => JSON.parse(`{"__proto__": {"stage": "publish"}, "constructor": 1}`) as unknown,
    ],
  ];
  test.each(cases)('%s', async (_name, name, make) => {
    const before = await world();
    const data = (await make()) as Record<string, unknown>;
    const stage = name.split('-')[0]!;
    const id = [`hat-${number}`, stage, ...(stage === 'build' ? ['x86_64'] : [])].join('.');
    const whole =
      Array.isArray(data) || Object.keys(data).length === 0 ? data : { ...data, release: `hat-${number}` };
    expect(['QUEUE_FORGED', 'MACHINE_UNKNOWN']).toContain(
      await fails(name === 'sign' ? `sign-${key}` : name, id, whole),
    );
    expect(await world()).toEqual(before);
  });

  test.each([
    ['a release of his own', async () => ({ request: await forger.seal(claims.request, body({})) })],
    [
      'an honest one for another place',
      async () => ({ request: changed(honest.request, (one) => (one['to'] = [reference('evil')])) }),
    ],
    ['one that is not sealed', async () => body({})],
  ])('%s', async (_name, make) => {
    const before = await world();
    expect(['QUEUE_FORGED', 'MACHINE_UNKNOWN']).toContain(
      await fails('release', `hat-${number}`, await make()),
    );
    expect(await world()).toEqual(before);
  });
});

function changed({ payload, ...rest }: Sealed, change: (body: Record<string, unknown>) => void): Sealed {
  const body = JSON.parse(Buffer.from(payload, 'base64').toString()) as Record<string, unknown>;
  change(body);
  return { ...rest, payload: Buffer.from(JSON.stringify(body)).toString('base64') };
}

test('an honest request once more moves no tag that a later one has moved, also in a Redis that was emptied', async () => {
  const first = (await queue('release').getJob('hat-1'))!.data as object;
  await writeFile(recipe, `${await readFile(recipe, 'utf8')}\n# another\n`);
  await workshop.json(workshop.releasing([recipe], reference('honest'), '--priority', 'high'), builder);
  const before = await workshop.bench.client().headManifest('hat', 'honest');
  await client.del('milliner:published');
  const id = `hat-${number}`;
  await queue('release').add('release', first, { jobId: id });
  const ended = async () => (await queue('release').getJob(id))!.isFailed().then((over) => over || undefined);
  await eventually(ended);
  expect(readFailure((await queue('release').getJob(id))!.failedReason).code).toBe('RELEASE_SUPERSEDED');
  expect(await workshop.bench.client().headManifest('hat', 'honest')).toBe(before);
});

const newest = () => client.hget('milliner:newest', 'hat');

test('a result of his own is no release: who waits is told, and so is who looks', async () => {
  const before = await world();
  const last = await newest();
  await queue(`sign-${key}`).pause();
  const own = workshop.start([...workshop.releasing([recipe], reference('claimed'), '--json')], builder);
  const id = await eventually(async () => {
    const found = await newest();
    return found !== null && found !== last && (await queue('release').getJob(found)) ? found : undefined;
  });
  await eventually(async () => (await queue(`sign-${key}`).getJob(`${id}.sign`)) ?? undefined);
  // Whoever may write to Redis may also end a job, with whatever result.
  const forged = {
    ...honest,
    published: await forger.seal(claims.published, peek(claims.published, honest.published).body),
  };
  await client.hset(
    `milliner:release:${id}`,
    'returnvalue',
    JSON.stringify(forged),
    'finishedOn',
    String(Date.now()),
  );
  await client
    .multi()
    .lrem('milliner:release:active', 0, id)
    .zrem('milliner:release:waiting-children', id)
    .zrem('milliner:release:prioritized', id)
    .zadd('milliner:release:completed', Date.now(), id)
    .exec();
  const { exitCode } = await own;
  expect(exitCode).toBe(18);
  const { releases } = await workshop.status(builder);
  const found = releases.find(({ release }) => release === id);
  expect(found).toMatchObject({ state: 'unconfirmed', error: { code: 'MACHINE_UNKNOWN' } });
  await queue(`sign-${key}`).resume();
  expect(await world()).toEqual(before);
});

test('a key that he names is not opened, and nobody takes its jobs', async () => {
  const secret = workshop.bench.desk.path('secret.key');
  await writeFile(secret, await readFile(workshop.bench.publicKey));
  const { id } = await identifyKey(secret);
  await client.hset('milliner:signing', id, secret);
  await client.sadd('milliner:queues', `sign-${id}`);
  await new Promise((done) => setTimeout(done, 2500));
  const { workers: known } = await workshop.status(signer);
  expect(known.flatMap(({ takes }) => takes)).not.toContain(`sign-${id}`);
  for (const worker of workers) {
    expect(worker.lines.filter(({ message }) => message.includes('secret.key'))).toEqual([]);
  }
});

test('workers and jobs that say nonsense hide no others', async () => {
  await client.set('milliner:worker:nonsense', '{"id": 7', 'EX', 60);
  await client.sadd('milliner:workers', 'nonsense');
  const job = await queue('release').add('release', { request: 1 }, { jobId: 'nonsense-1', delay: 60_000 });
  const { releases, workers: known } = await workshop.status(builder);
  expect(known.length).toBe(2);
  expect(releases.find(({ release }) => release === 'hat-1')?.state).toBe('released');
  expect(releases.find(({ release }) => release === 'nonsense-1')).toMatchObject({
    state: 'unconfirmed',
    error: { code: 'QUEUE_FORGED' },
  });
  await job.remove();
});

describe('blobs of his own in the exchange, in the place of honest ones', () => {
  /** The signer has none of them yet: the image is a new one. */
  async function released(
    name: string,
    spoil: (built: ReturnType<typeof imageOf>) => Promise<void>,
  ): Promise<string> {
    const own = await workshop.bench.desk.tiny(name, ['tiny-base'], {
      ...runsToItsEnd,
      files: [{ path: `/etc/${name}`, content: name }],
    });
    await queue(`sign-${key}`).pause();
    const [id] = await workshop.queue([own], `${workshop.bench.server.host}/${name}:1`, builder);
    const built = await eventually(async () => {
      const job = await queue('build-x86_64').getJob(`${id}.build.x86_64`);
      return job?.returnvalue ? imageOf(job.returnvalue as Sealed) : undefined;
    });
    await spoil(built);
    await queue(`sign-${key}`).resume();
    // It may have been damage on the way: it is tried again, which is not waited for here.
    const failure = await eventually(async () => {
      const text = (await queue(`sign-${key}`).getJob(`${id}.sign`))?.failedReason;
      return text ? readFailure(text) : undefined;
    });
    await workshop.json(['queue', 'cancel', id!], builder);
    return failure.code;
  }
  const imageOf = (sealed: Sealed) => peek(claims.built, sealed).body.image;
  const pathOf = (digest: Digest) => {
    const hex = digest.slice(7);
    return join(
      workshop.bench.server.storage,
      'docker/registry/v2/blobs/sha256',
      hex.slice(0, 2),
      hex,
      'data',
    );
  };
  const rewrite = async (digest: Digest, change: (body: Record<string, unknown>) => void) => {
    const body = JSON.parse(await readFile(pathOf(digest), 'utf8')) as Record<string, unknown>;
    change(body);
    await writeFile(pathOf(digest), JSON.stringify(body));
  };
  const blobs: [string, (built: ReturnType<typeof imageOf>) => Promise<void>][] = [
    ['verdict', (built) => rewrite(built.verdict, (body) => (body['name'] = 'other'))],
    ['record', (built) => rewrite(built.records.at(-1)!, (body) => (body['name'] = '../../evil'))],
    ['sboms', (built) => rewrite(built.sboms, (body) => (body['spdx'] = {}))],
  ];
  test.each(shareOfDay(blobs, 3))('the %s', async (name, spoil) => {
    const code = await released(`spoilt-${name}`, spoil);
    expect(['DIGEST_MISMATCH', 'REGISTRY_INVALID']).toContain(code);
    // The exchange is the repository itself: the image lies there, without a tag or a signature.
    expect(await workshop.bench.tags(`spoilt-${name}`)).toEqual([]);
  });
});
