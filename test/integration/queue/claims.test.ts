/** What whoever writes to the queue may try: each job, and each result, is refused before anything is done for it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../../src/lib/errors/error.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { claims, type Course } from '../../../src/queue/claims.ts';
import { queueOf, type Stage, type StageData } from '../../../src/queue/job.ts';
import { enrollMachine, ownMachine } from '../../../src/queue/machine.ts';
import { openReport, openStage } from '../../../src/queue/opened.ts';
import { Machines, type Sealed } from '../../../src/queue/sealed.ts';

const roles = ['desk', 'builder', 'signer', 'stranger', 'receiver'] as const;
type Role = (typeof roles)[number];
let directory: string;
const stateOf = (role: Role) => join(directory, role);
const machines = (role: Role) => new Machines(stateOf(role));

const digestOf = (letter: string): Digest => `sha256:${letter.repeat(64)}`;
const key = 'f'.repeat(16);
const request = {
  version: 2 as const,
  at: 1_790_000_000_000,
  recipe: 'hat',
  run: '0b2c1f0e-8f6b-4c43-9d49-30b1b2f0f6a1',
  bundle: digestOf('1'),
  arches: ['x86_64' as const],
  key,
  to: ['registry.example.com/hat:1'],
  plainHttp: false,
  priority: 10,
};
const image = {
  arch: 'x86_64' as const,
  manifestDigest: digestOf('2'),
  manifestSize: 500,
  hasZstd: true,
  records: [digestOf('3')],
  sboms: digestOf('4'),
  verdict: digestOf('5'),
  packages: 3,
};
const sums = { signatures: ['a'], attestations: ['b'], uploadedBytes: 1, mountedBlobs: 0, skippedBlobs: 0 };
const tags = [{ reference: request.to[0]!, manifestDigest: image.manifestDigest }];
const finished = '2026-11-29T00:00:00.000Z';
let about: Digest;
let whole: Required<Course>;

/** A release as honest machines carry it through. */
async function carry(asked: typeof request, by: Partial<Record<keyof Course, Role>> = {}) {
  const at = (part: keyof Course, role: Role) => machines(by[part] ?? role);
  const sealed = await at('request', 'desk').seal(claims.request, asked);
  const { digest } = await machines('desk').open(
    claims.request,
    await machines('desk').seal(claims.request, asked),
  );
  const course = {
    request: sealed,
    locked: await at('locked', 'builder').seal(claims.locked, {
      request: digest,
      bundle: digestOf('6'),
      lockDigest: digestOf('7'),
    }),
    built: [
      await at('built', 'builder').seal(claims.built, { request: digest, bundle: digestOf('6'), image }),
    ],
    signed: await at('signed', 'signer').seal(claims.signed, {
      request: digest,
      images: [image.manifestDigest],
      publicKey: 'a key',
      ...sums,
    }),
    published: await at('published', 'signer').seal(claims.published, { request: digest, tags, finished }),
  };
  return { course, digest };
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'machines-'));
  const granted = { desk: 'submit', builder: 'build', signer: 'sign' } as const;
  for (const [role, right] of Object.entries(granted)) {
    const { machine } = await ownMachine(stateOf(role as Role));
    await enrollMachine(stateOf('receiver'), { ...machine, name: role }, [right]);
  }
  const carried = await carry(request);
  [whole, about] = [carried.course, carried.digest];
});
afterAll(() => rm(directory, { recursive: true }));

type Part = Pick<StageData, keyof Course>;
function partFor(stage: Stage): Part {
  const { request: asked, locked, built, signed } = whole;
  if (stage === 'lock') return { request: asked };
  if (stage === 'build') return { request: asked, locked };
  return stage === 'sign' ? { request: asked, locked, built } : { request: asked, locked, built, signed };
}

function job(stage: Stage, more: object = {}, place: object = {}) {
  const arch = stage === 'build' ? 'x86_64' : undefined;
  const id = ['hat-1', stage, ...(arch === undefined ? [] : [arch])].join('.');
  const queueName = queueOf(stage, { arch: 'x86_64', key });
  const data = { release: 'hat-1', stage, ...(arch !== undefined && { arch }), ...partFor(stage), ...more };
  return { id, queueName, data: data as unknown, ...place };
}

const opens = (one: ReturnType<typeof job>) => openStage(machines('receiver'), one);
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'none',
    (error: { code: string }) => error.code,
  );

test.each(['lock', 'build', 'sign', 'publish'] as const)('an honest job opens: %s', async (stage) => {
  const opened = await opens(job(stage));
  expect(opened).toMatchObject({ release: 'hat-1', stage, request: about });
  expect(opened.data.bundle).toBe(stage === 'lock' ? request.bundle : digestOf('6'));
  expect(opened.images).toEqual(stage === 'sign' || stage === 'publish' ? [image] : []);
});

test('an honest result opens', async () => {
  const report = await openReport(machines('receiver'), whole);
  expect(report).toMatchObject({ recipe: 'hat', references: request.to, images: [image], request: about });
});

/** With another body below the same signature. */
function rewritten({ payload, ...rest }: Sealed, change: (body: Record<string, unknown>) => void): Sealed {
  const body = JSON.parse(Buffer.from(payload, 'base64').toString()) as Record<string, unknown>;
  change(body);
  return { ...rest, payload: Buffer.from(JSON.stringify(body)).toString('base64') };
}

const bit = (sealed: Sealed): Sealed => {
  const sig = Buffer.from(sealed.signatures[0]!.sig, 'base64');
  sig[7]! ^= 1;
  return { ...sealed, signatures: [{ ...sealed.signatures[0]!, sig: sig.toString('base64') }] };
};

/** The same part of a release that others have carried, or of another one. */
const ofOthers = async (stage: Stage, part: keyof Course, by: Role | undefined, asked = request) => {
  const { course } = await carry(asked, by && { [part]: by });
  return job(stage, { [part]: course[part] });
};
const another = { ...request, at: 5 };

describe('a job that is not what enrolled machines have made of it', () => {
  const cases: [string, ErrorCode, () => Promise<ReturnType<typeof job>> | ReturnType<typeof job>][] = [
    ['no data', 'QUEUE_FORGED', () => ({ ...job('lock'), data: undefined })],
    [
      'plain data of an older form',
      'QUEUE_FORGED',
      () => ({ ...job('lock'), data: { release: 'hat-1', stage: 'lock', data: request } }),
    ],
    ['a request that is not sealed', 'QUEUE_FORGED', () => job('lock', { request })],
    [
      'a request with another body',
      'QUEUE_FORGED',
      () =>
        job('lock', {
          request: rewritten(whole.request, (body) => (body['to'] = ['evil.example.com/hat:1'])),
        }),
    ],
    [
      'a request with another bundle',
      'QUEUE_FORGED',
      () => job('lock', { request: rewritten(whole.request, (body) => (body['bundle'] = digestOf('e'))) }),
    ],
    ['a request with a turned bit', 'QUEUE_FORGED', () => job('lock', { request: bit(whole.request) })],
    [
      'a request with two signatures',
      'QUEUE_FORGED',
      () =>
        job('lock', {
          request: {
            ...whole.request,
            signatures: [...whole.request.signatures, ...whole.request.signatures],
          },
        }),
    ],
    [
      'a request without a signature',
      'QUEUE_FORGED',
      () => job('lock', { request: { ...whole.request, signatures: [] } }),
    ],
    [
      'a request with a key beside the known',
      'QUEUE_FORGED',
      () => job('lock', { request: { ...whole.request, publicKey: 'mine' } }),
    ],
    ["a lock's seal as a request", 'QUEUE_FORGED', () => job('lock', { request: whole.locked })],
    [
      "a lock's seal that says it is a request",
      'QUEUE_FORGED',
      () => job('lock', { request: { ...whole.locked, payloadType: whole.request.payloadType } }),
    ],
    [
      "a stranger's request",
      'MACHINE_UNKNOWN',
      async () => job('lock', { request: await machines('stranger').seal(claims.request, request) }),
    ],
    [
      "a stranger's request in the name of the desk",
      'QUEUE_FORGED',
      async () => {
        const sealed = await machines('stranger').seal(claims.request, request);
        const keyid = whole.request.signatures[0]!.keyid;
        return job('lock', { request: { ...sealed, signatures: [{ ...sealed.signatures[0]!, keyid }] } });
      },
    ],
    [
      "a builder's request",
      'MACHINE_UNKNOWN',
      async () => job('lock', { request: await machines('builder').seal(claims.request, request) }),
    ],
    [
      "a signer's request",
      'MACHINE_UNKNOWN',
      async () => job('lock', { request: await machines('signer').seal(claims.request, request) }),
    ],
    ["the desk's lock", 'MACHINE_UNKNOWN', () => ofOthers('build', 'locked', 'desk')],
    ["the signer's build", 'MACHINE_UNKNOWN', () => ofOthers('sign', 'built', 'signer')],
    ["a stranger's build", 'MACHINE_UNKNOWN', () => ofOthers('sign', 'built', 'stranger')],
    ["a builder's signature", 'MACHINE_UNKNOWN', () => ofOthers('publish', 'signed', 'builder')],
    ['the lock of another request', 'QUEUE_FORGED', () => ofOthers('build', 'locked', undefined, another)],
    ['the build of another request', 'QUEUE_FORGED', () => ofOthers('sign', 'built', undefined, another)],
    [
      'the signature of another request',
      'QUEUE_FORGED',
      () => ofOthers('publish', 'signed', undefined, another),
    ],
    [
      'a verdict of its own in a build',
      'QUEUE_FORGED',
      () =>
        job('sign', {
          built: [
            rewritten(whole.built[0]!, (body) => ((body['image'] as typeof image).verdict = digestOf('e'))),
          ],
        }),
    ],
    [
      'another image in a build',
      'QUEUE_FORGED',
      () =>
        job('sign', {
          built: [
            rewritten(
              whole.built[0]!,
              (body) => ((body['image'] as typeof image).manifestDigest = digestOf('e')),
            ),
          ],
        }),
    ],
    ['a build twice', 'QUEUE_FORGED', () => job('sign', { built: [...whole.built, ...whole.built] })],
    ['no build', 'QUEUE_FORGED', () => job('sign', { built: [] })],
    [
      'the build of another lock',
      'QUEUE_FORGED',
      async () =>
        job('sign', {
          built: [
            await machines('builder').seal(claims.built, { request: about, bundle: digestOf('e'), image }),
          ],
        }),
    ],
    [
      'a build of an architecture that nobody asked for',
      'QUEUE_FORGED',
      async () =>
        job('sign', {
          built: [
            await machines('builder').seal(claims.built, {
              request: about,
              bundle: digestOf('6'),
              image: { ...image, arch: 'aarch64' },
            }),
          ],
        }),
    ],
    [
      'a signature of other images',
      'QUEUE_FORGED',
      async () =>
        job('publish', {
          signed: await machines('signer').seal(claims.signed, {
            request: about,
            images: [digestOf('e')],
            publicKey: '',
            ...sums,
          }),
        }),
    ],
    ['no lock before a build', 'QUEUE_FORGED', () => job('build', { locked: undefined })],
    ['no lock before a signature', 'QUEUE_FORGED', () => job('sign', { locked: undefined, built: [] })],
    ['no signature before the tags move', 'QUEUE_FORGED', () => job('publish', { signed: undefined })],
    [
      'a publication in place of a signature',
      'QUEUE_FORGED',
      () => job('publish', { signed: whole.published }),
    ],
    ['a stage that there is not', 'QUEUE_FORGED', () => job('lock', { stage: 'exec' })],
    ['another stage than that of its queue', 'QUEUE_FORGED', () => job('sign', {}, { queueName: 'publish' })],
    ["another key's queue", 'QUEUE_FORGED', () => job('sign', {}, { queueName: `sign-${'0'.repeat(16)}` })],
    ["another job's id", 'QUEUE_FORGED', () => job('sign', {}, { id: 'hat-2.sign' })],
    [
      "another recipe's release",
      'QUEUE_FORGED',
      () => job('lock', { release: 'wig-1' }, { id: 'wig-1.lock' }),
    ],
    [
      'a release that leads elsewhere',
      'QUEUE_FORGED',
      () => job('lock', { release: '../../etc/hat-1' }, { id: '../../etc/hat-1.lock' }),
    ],
    ['an architecture that leads elsewhere', 'QUEUE_FORGED', () => job('build', { arch: '../x86_64' })],
    ['a path of a key', 'QUEUE_FORGED', () => job('sign', { keyPath: '/etc/shadow' })],
    ['a base that nobody asked for', 'QUEUE_FORGED', () => job('build', { base: whole })],
    ['a base that is not sealed', 'QUEUE_FORGED', () => job('build', { base: { image } })],
    [
      "a base's result with another's images",
      'QUEUE_FORGED',
      async () =>
        job('build', { base: { ...(await carry({ ...request, at: 5 })).course, built: whole.built } }),
    ],
  ];
  test.each(cases)('%s', async (_name, code, make) => {
    expect(await codeOf(opens(await make()))).toBe(code);
  });
});

test('a request of a later version says so', async () => {
  const schema = claims.request.schema.omit({ version: true }).loose();
  const later = await machines('desk').seal({ ...claims.request, schema }, { ...request, version: 3 });
  expect(await codeOf(opens(job('lock', { request: later })))).toBe('RELEASE_FAILED');
});

test.each([
  ['a directory in place of a name', { recipe: '../hat' }],
  ['a key that is a path', { key: '/root/key' }],
  ['an architecture that is a path', { arches: ['../../x'] }],
  ['a bundle that is a path', { bundle: '/etc/passwd' }],
  ['no place to publish', { to: [] }],
  ['a field of its own', { command: ['sh'] }],
])('what even the desk may not ask for: %s', async (_name, change) => {
  await expect(machines('desk').seal(claims.request, { ...request, ...change } as never)).rejects.toThrow();
});

describe('a result that is not what enrolled machines have made of it', () => {
  const cases: [string, ErrorCode, () => Promise<object> | object][] = [
    ['nothing', 'QUEUE_FORGED', () => ({})],
    ['a report of the older form', 'QUEUE_FORGED', () => ({ references: request.to, images: [image] })],
    ['one that was never published', 'QUEUE_FORGED', () => ({ ...whole, published: undefined })],
    ['one that was never signed', 'QUEUE_FORGED', () => ({ ...whole, signed: undefined })],
    [
      'published as something else',
      'QUEUE_FORGED',
      async () => ({
        ...whole,
        published: await machines('signer').seal(claims.published, {
          request: about,
          tags: [{ ...tags[0]!, reference: 'evil.example.com/hat:1' }],
          finished,
        }),
      }),
    ],
    [
      'published with another image',
      'QUEUE_FORGED',
      async () => ({
        ...whole,
        published: await machines('signer').seal(claims.published, {
          request: about,
          tags: [{ ...tags[0]!, manifestDigest: digestOf('e') }],
          finished,
        }),
      }),
    ],
    [
      "published on a builder's word",
      'MACHINE_UNKNOWN',
      async () => ({
        ...whole,
        published: (await carry(request, { published: 'builder' })).course.published,
      }),
    ],
    [
      "published on a stranger's word",
      'MACHINE_UNKNOWN',
      async () => ({
        ...whole,
        published: (await carry(request, { published: 'stranger' })).course.published,
      }),
    ],
  ];
  test.each(cases)('%s', async (_name, code, make) => {
    expect(await codeOf(openReport(machines('receiver'), await make()))).toBe(code);
  });
});
