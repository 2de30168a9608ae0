/** Publishing to a real registry: what is there afterwards, what is refused, what is sent again and what is not. */
import { createPublicKey, verify } from 'node:crypto';
import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import type { BuildAnswer } from '../../helpers/milliner.ts';
import { Bench } from '../../helpers/publish-fixture.ts';
import { FaultProxy } from '../../helpers/registry/fault-proxy.ts';
import { account, RegistryServer } from '../../helpers/registry/registry-server.ts';
import { cosign, skopeo } from '../../helpers/trixie.ts';

useOneProcess();

let bench: Bench;
let host: string;
let hat: BuildAnswer;
let digest: Digest;

beforeAll(async () => {
  bench = await Bench.open();
  host = bench.server.host;
  hat = await bench.booted('hat', ['tiny-base', 'tiny-app']);
  digest = hat.manifestDigest as Digest;
});
afterAll(() => bench.close());

interface Manifest {
  layers: { digest: Digest; size: number; annotations: Record<string, string> }[];
}

async function manifestAt(repository: string, reference: string): Promise<Manifest> {
  const found = await bench.client().getManifest(repository, reference);
  return JSON.parse(found!.bytes.toString()) as Manifest;
}

/** References that the release key has signed, by node's own arithmetic. */
async function signedReferences(repository: string, image: Digest): Promise<string[]> {
  const key = createPublicKey(await readFile(bench.publicKey));
  const { layers } = await manifestAt(repository, `${tagOf(image)}.sig`);
  const references: string[] = [];
  for (const { digest: blob, size, annotations } of layers) {
    const payload = (await bench.client().getBlob(repository, blob, size))!;
    const signature = Buffer.from(annotations['dev.cosignproject.cosign/signature']!, 'base64');
    if (!verify('sha256', payload, key, signature)) continue;
    const { identity, image: signed } = (JSON.parse(payload.toString()) as { critical: Signed }).critical;
    expect(signed['docker-manifest-digest']).toBe(image);
    references.push(identity['docker-reference']);
  }
  return references;
}

interface Signed {
  identity: { 'docker-reference': string };
  image: { 'docker-manifest-digest': string };
}

const predicateTypes = async (repository: string, image: Digest) =>
  (await bench.client().referrers(repository, image)).map(
    ({ annotations }) => annotations?.['dev.sigstore.bundle.predicateType'],
  );

const everyPredicate = [
  'https://sigstore.dev/cosign/sign/v1',
  'https://spdx.dev/Document',
  'https://cyclonedx.org/bom',
  'https://in-toto.io/attestation/test-result/v0.1',
  'https://milliner.io/attestation/tag/v1',
];

test('a booted image gets its tags, and a second run sends nothing', async () => {
  const references = ['a/hat:1', 'a/hat:latest'].map((name) => `${host}/${name}`);
  const answer = await bench.publish('hat', ...references, references[0]!);
  const signature = `${host}/a/hat:${tagOf(digest)}`;
  expect(answer).toEqual({
    name: 'hat',
    manifestDigest: digest,
    references,
    signatures: [
      `${signature}.sig`,
      ...Array.from({ length: 2 }, () => expect.stringContaining(`${host}/a/hat@sha256:`) as string),
    ],
    attestations: [
      `${signature}.att`,
      ...Array.from({ length: 5 }, () => expect.stringContaining(`${host}/a/hat@sha256:`) as string),
    ],
    seconds: expect.any(Number),
    uploadedBytes: expect.any(Number),
    mountedBlobs: 0,
    skippedBlobs: expect.any(Number),
  });
  const tags = ['1', 'latest', tagOf(digest), `${tagOf(digest)}.att`, `${tagOf(digest)}.sig`];
  expect(await bench.tags('a/hat')).toEqual(tags);
  expect(await signedReferences('a/hat', digest)).toEqual(references);
  expect(await predicateTypes('a/hat', digest)).toEqual([
    everyPredicate[0],
    ...everyPredicate,
    everyPredicate.at(-1),
  ]);
  expect(answer.uploadedBytes).toBeGreaterThan(hat.layers[0]!.size);
  const again = await bench.publish('hat', ...references);
  expect(again).toMatchObject({ uploadedBytes: 0, mountedBlobs: 0, attestations: answer.attestations });
  expect(await bench.tags('a/hat')).toEqual(tags);
  for (const layout of ['sig', 'bundle']) {
    await bench.run(['verify', references[1]!, '--key', bench.publicKey, '--only', layout]);
  }
});

test('skopeo and cosign accept it with its key, and not with another', async () => {
  const repository = `${host}/a/policy`;
  await bench.publish('hat', `${repository}:1`);
  await bench.makeKey('other');
  const env = { HOME: bench.desk.directory };
  const taken = async (key: string) => {
    const place = bench.desk.path(`policy-${key}`);
    const publicKey = bench.desk.path(`${key}.pub`);
    await bench.run(['policy', '--key', publicKey, '--to', repository, '--out', place]);
    const files = ['--policy', join(place, 'policy.json'), '--registries.d', join(place, 'registries.d')];
    const from = ['--src-tls-verify=false', `docker://${repository}:1`];
    const copied = await skopeo([...files, 'copy', ...from, `dir:${place}/copy`], { env, allow: [0, 1] });
    const flags = ['--key', publicKey, '--insecure-ignore-tlog', '--allow-http-registry'];
    const options = { env, allow: [0, 1, 10, 12] };
    const verified = await cosign(['verify', ...flags, `${repository}:1`], options);
    const listed = await cosign(
      ['verify-attestation', ...flags, '--type', 'spdxjson', `${repository}:1`],
      options,
    );
    return [copied, verified, listed].map(({ exitCode }) => exitCode === 0);
  };
  expect(await taken('release')).toEqual([true, true, true]);
  expect(await taken('other')).toEqual([false, false, false]);
  const copied = await readFile(bench.desk.path('policy-release', 'copy', 'manifest.json'));
  expect(copied.equals((await bench.client().getManifest('a/policy', digest))!.bytes)).toBe(true);
});

test('what is on its base, or beside itself, is mounted', async () => {
  const cap = await bench.booted('cap', ['tiny-extra'], { from: 'hat' });
  await bench.publish('hat', `${host}/b/hat:1`);
  const first = await bench.publish('cap', `${host}/b/cap:1`);
  expect(first.mountedBlobs).toBe(hat.layers.length);
  const second = await bench.publish('cap', `${host}/b/cap:1`, `${host}/b/other:1`);
  expect(second.mountedBlobs).toBe(cap.layers.length + 1);
  expect(await predicateTypes('b/other', cap.manifestDigest as Digest)).toEqual(everyPredicate);
});

test("another tag and another key's signature stand beside what is there", async () => {
  await bench.publish('hat', `${host}/c/hat:1`);
  const release = bench.key;
  await bench.makeKey('second');
  await bench.run(['publish', 'hat', '--to', `${host}/c/hat:1`, '--key', bench.desk.path('second.key')]);
  await bench.run(['publish', 'hat', '--to', `${host}/c/hat:2`, '--key', release]);
  expect(await signedReferences('c/hat', digest)).toEqual([`${host}/c/hat:1`, `${host}/c/hat:2`]);
  expect((await manifestAt('c/hat', `${tagOf(digest)}.sig`)).layers).toHaveLength(3);
  expect((await manifestAt('c/hat', `${tagOf(digest)}.att`)).layers).toHaveLength(9);
  const added = [everyPredicate[0], everyPredicate.at(-1)];
  expect(await predicateTypes('c/hat', digest)).toEqual([...everyPredicate, ...everyPredicate, ...added]);
  for (const tag of ['1', '2'])
    await bench.run(['verify', `${host}/c/hat:${tag}`, '--key', bench.publicKey, '--only', 'bundle']);
  await bench.run(['verify', `${host}/c/hat:1`, '--key', bench.desk.path('second.pub')]);
});

test('an image that was booted again has one verdict', async () => {
  await bench.publish('hat', `${host}/d/hat:1`);
  const before = await bench.client().referrers('d/hat', digest);
  await bench.run(['boot', 'hat']);
  await bench.publish('hat', `${host}/d/hat:1`);
  const after = await bench.client().referrers('d/hat', digest);
  expect(await predicateTypes('d/hat', digest)).toEqual(everyPredicate);
  const same = before.map(({ digest: one }, index) => one === after[index]!.digest);
  expect(same).toEqual([true, true, true, false, true]);
  expect((await manifestAt('d/hat', `${tagOf(digest)}.att`)).layers).toHaveLength(4);
});

test('two runs at once, of one image and of two', async () => {
  const all = await Promise.all([
    bench.publish('hat', `${host}/e/hat:1`),
    bench.publish('hat', `${host}/e/hat:2`),
    bench.publish('cap', `${host}/e/hat:3`),
  ]);
  expect(all.map(({ manifestDigest }) => manifestDigest).slice(0, 2)).toEqual([digest, digest]);
  expect((await signedReferences('e/hat', digest)).toSorted()).toEqual([
    `${host}/e/hat:1`,
    `${host}/e/hat:2`,
  ]);
  for (const tag of [1, 2, 3]) await bench.run(['verify', `${host}/e/hat:${tag}`, '--key', bench.publicKey]);
});

test('what did not boot, or not well, is refused before anything is sent', async () => {
  const verdict = join(bench.desk.state, 'verdicts', `${digest.replace('sha256:', '')}.json`);
  const passed = await readFile(verdict, 'utf8');
  const publishing = bench.publishing('hat', `${host}/f/hat:1`);
  try {
    await rm(verdict);
    expect(await bench.fails(publishing)).toEqual({ code: 'IMAGE_UNBOOTED', exit: 16 });
    await writeFile(verdict, JSON.stringify({ ...(JSON.parse(passed) as object), passed: false }));
    expect(await bench.fails(publishing)).toEqual({ code: 'IMAGE_UNBOOTED', exit: 16 });
  } finally {
    await writeFile(verdict, passed);
  }
  expect(await bench.tags('f/hat')).toEqual([]);
  expect(await bench.client().headManifest('f/hat', digest)).toBeUndefined();
});

test('an image that is booted again meanwhile, and fails, gets no tag', async () => {
  const verdict = join(bench.desk.state, 'verdicts', `${digest.replace('sha256:', '')}.json`);
  const passed = await readFile(verdict, 'utf8');
  const proxy = await FaultProxy.start(host);
  try {
    proxy.script = async ({ method, url }) => {
      const failed = JSON.stringify({ ...(JSON.parse(passed) as object), passed: false });
      if (method === 'PUT' && url.endsWith('.sig')) await writeFile(verdict, failed);
      return undefined;
    };
    const failed = await bench.fails(bench.publishing('hat', `${proxy.host}/i/hat:1`));
    expect(failed).toEqual({ code: 'IMAGE_UNBOOTED', exit: 16 });
    expect(await bench.tags('i/hat')).not.toContain('1');
  } finally {
    proxy.close();
    await writeFile(verdict, passed);
  }
});

test('while one registry refuses, no tag moves at another', async () => {
  const proxy = await FaultProxy.start(host);
  try {
    proxy.script = ({ method }) => (method === 'PUT' ? { answer: 403 } : undefined);
    const references = [`${host}/j/hat:1`, `${proxy.host}/j/cap:1`];
    const failed = await bench.fails(bench.publishing('hat', ...references));
    expect(failed).toEqual({ code: 'REGISTRY_DENIED', exit: 12 });
    expect(await bench.tags('j/hat')).not.toContain('1');
  } finally {
    proxy.close();
  }
});

test.each(['hat:1', 'localhost/hat', `localhost/hat:sha256-${'0'.repeat(64)}.sig`, 'localhost/Hat:1'])(
  '--to %s is refused',
  async (reference) => {
    expect(await bench.fails(bench.publishing('hat', reference))).toEqual({
      code: 'REFERENCE_INVALID',
      exit: 3,
    });
  },
);

test('a wrong password', async () => {
  const env = { MILLINER_KEY_PASSWORD: 'wrong' };
  const { code, stdout } = await bench.ended([...bench.publishing('hat', `${host}/f/hat:1`), '--json'], env);
  expect([code, JSON.parse(stdout)]).toMatchObject([3, { error: { code: 'KEY_FILE_INVALID' } }]);
  expect(await bench.tags('f/hat')).toEqual([]);
});

test('credentials are found where podman keeps them, and never told', async () => {
  const server = await RegistryServer.start({ basic: true });
  try {
    const args = [...bench.publishing('hat', `${server.host}/hat:1`), '--json', '--debug'];
    const auth = Buffer.from(`${account.username}:${account.password}`).toString('base64');
    const file = bench.desk.path('auth.json');
    const log = async (entry: string) => {
      await writeFile(file, JSON.stringify({ auths: { [server.host]: { auth: entry } } }));
      const ended = await bench.ended(args, { REGISTRY_AUTH_FILE: file });
      for (const secret of [account.password, entry])
        expect(ended.stdout + ended.stderr).not.toContain(secret);
      return ended;
    };
    expect(await log(auth)).toMatchObject({ code: 0 });
    const wrong = await log(Buffer.from('hatter:a hat of straw').toString('base64'));
    expect(wrong.code).toBe(12);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ error: { code: 'REGISTRY_DENIED' } });
  } finally {
    await server.close();
  }
});

const damages: [string, (path: string, size: number) => Promise<void>][] = [
  ['is cut', (path, size) => truncate(path, size - 1)],
  [
    'has another byte',
    async (path, size) => {
      const bytes = await readFile(path);
      bytes[size - 1]! ^= 1;
      await writeFile(path, bytes);
    },
  ],
];
test.for(damages)(
  'a layer that %s on disk becomes no blob there, and no tag comes of it',
  async ([, damage]) => {
    const layer = hat.layers.toSorted((a, b) => b.size - a.size)[0]!;
    const path = join(bench.desk.state, 'blobs', 'sha256', layer.digest.replace('sha256:', ''));
    const bytes = await readFile(path);
    await damage(path, layer.size);
    const server = await RegistryServer.start();
    try {
      const failed = await bench.fails(bench.publishing('hat', `${server.host}/hat:1`));
      expect(failed).toEqual({ code: 'BLOB_CORRUPT', exit: 9 });
      const there = await fetch(`${server.url}/v2/hat/manifests/1`);
      expect(there.status).toBe(404);
      const blob = await fetch(`${server.url}/v2/hat/blobs/${layer.digest}`);
      expect(blob.status).toBe(404);
    } finally {
      await server.close();
      await writeFile(path, bytes);
    }
  },
);

test('a signal ends it, even while a registry makes it wait', async () => {
  const proxy = await FaultProxy.start(host);
  try {
    const child = bench.start([...bench.publishing('hat', `${proxy.host}/h/hat:1`), '--json']);
    proxy.script = ({ method }) => {
      if (method !== 'POST') return undefined;
      // A second signal would end it without a word.
      if (!proxy.seen.slice(0, -1).some((seen) => seen.method === 'POST')) child.kill('SIGTERM');
      return { answer: 429, headers: { 'retry-after': '3600' } };
    };
    const { exitCode, stdout } = await child;
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([130, { error: { code: 'INTERRUPTED' } }]);
    expect(await bench.tags('h/hat')).toEqual([]);
  } finally {
    proxy.close();
  }
});

test('a registry that gives other signatures back than it was given gets no tag', async () => {
  const proxy = await FaultProxy.start(host);
  try {
    const { seen } = proxy;
    proxy.script = ({ method, url }) => {
      const written = seen.some((one) => one.method === 'PUT' && one.url.endsWith('.sig'));
      const manifest = JSON.stringify({ schemaVersion: 2, layers: [] });
      return written && method === 'GET' && url.endsWith('.sig')
        ? { answer: 200, body: manifest }
        : undefined;
    };
    const failed = await bench.fails(bench.publishing('hat', `${proxy.host}/g/hat:1`));
    expect(failed).toEqual({ code: 'SIGNATURE_MISSING', exit: 13 });
    expect(await bench.tags('g/hat')).not.toContain('1');
    proxy.script = ({ method, url }) =>
      method === 'HEAD' && url.endsWith(hat.layers[0]!.digest)
        ? { rewrite: { 'content-length': '17' } }
        : undefined;
    expect(await bench.fails(bench.publishing('hat', `${proxy.host}/g/hat:1`))).toEqual({
      code: 'REGISTRY_INVALID',
      exit: 12,
    });
    expect(await bench.tags('g/hat')).not.toContain('1');
  } finally {
    proxy.close();
  }
});
