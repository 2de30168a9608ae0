/** A stack as an artifact: published after its boot, read by plain HTTP, verified, and started from another state. */
import { copyFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import type { StackVerdict } from '../../../src/stages/boot/stack-verdict.ts';
import type { Verification } from '../../../src/pipeline/trust/verify-image.ts';
import { Bench, type PublishAnswer } from '../../helpers/publish-fixture.ts';
import { remains } from '../../helpers/remains.ts';
import { buildTinyStack, given, tinyStack, writeStack } from '../../helpers/tiny-stack.ts';

const { services } = tinyStack;
/** The check needs its other services, and not the secret in the volume of the store. */
const published = { ...tinyStack, checks: tinyStack.checks.slice(0, 2) };

let bench: Bench;
let elsewhere: string;
let reference: string;
beforeAll(async () => {
  bench = await Bench.open();
  await buildTinyStack(bench.desk);
  await writeStack(bench.desk, 'hats', published);
  elsewhere = bench.desk.path('elsewhere');
  reference = `${bench.server.host}/stacks/hats:1`;
});
afterAll(async () => {
  for (const state of [bench.desk.state, elsewhere]) await bench.ended(['stop', '--all', '--state', state]);
  await bench.close();
});

interface StackLayer {
  name: string;
  services: Record<string, { image: { digest: string; repository: string } }>;
}

test('is published once it and its images are, and names them by digest', async () => {
  const publish = () => bench.publish('hats.stack', reference);
  expect(await bench.fails(bench.publishing('hats.stack', reference))).toMatchObject({
    code: 'IMAGE_UNBOOTED',
  });
  await bench.run(['boot', 'hats.stack']);
  expect(await bench.fails(bench.publishing('hats.stack', reference))).toMatchObject({
    code: 'IMAGE_UNPUBLISHED',
  });
  const digests: Record<string, string> = {};
  for (const name of Object.keys(services)) {
    await bench.run(['boot', name]);
    digests[name] = (await bench.publish(name, `${bench.server.host}/images/${name}:1`)).manifestDigest;
  }
  const answer: PublishAnswer = await publish();
  expect(answer).toMatchObject({ name: 'hats', references: [reference] });
  const again = await publish();
  expect([again.manifestDigest, again.uploadedBytes]).toEqual([answer.manifestDigest, 0]);

  const at = (path: string) =>
    fetch(`${bench.server.url}/v2/stacks/hats/${path}`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
  const manifest = (await (await at(`manifests/${answer.manifestDigest}`)).json()) as {
    artifactType: string;
    config: { mediaType: string };
    layers: { digest: string }[];
  };
  expect(manifest).toMatchObject({
    artifactType: 'application/vnd.milliner.stack.v1+json',
    config: { mediaType: 'application/vnd.oci.empty.v1+json' },
    layers: [{ mediaType: 'application/vnd.milliner.stack.v1+json' }],
  });
  const text = await (await at(`blobs/${manifest.layers[0]!.digest}`)).text();
  expect(text).not.toContain(given);
  const layer = JSON.parse(text) as StackLayer;
  const named = Object.entries(layer.services).map(([name, { image }]) => [name, image]);
  const wanted = Object.entries(digests).map(([name, digest]) => [
    name,
    { name, digest, repository: `${bench.server.host}/images/${name}` },
  ]);
  expect(Object.fromEntries(named)).toEqual(Object.fromEntries(wanted));
  const verified = await bench.run<Verification>(['verify', reference, '--key', bench.publicKey]);
  expect(verified.proved.map(({ claim, layout }) => `${layout} ${claim}`)).toEqual([
    'sig signature',
    'sig verdict',
    'bundle signature',
    'bundle verdict',
    'any tag',
  ]);
});

test('starts elsewhere, from the registry alone', async () => {
  const word = `word=${join(bench.desk.recipes, 'stacks', 'word.secret')}`;
  const start = ['run', reference, '--state', elsewhere, '--detach', '--secret', word];
  await bench.makeKey('other');
  expect(await bench.fails([...start, '--key', bench.desk.path('other.pub')])).toMatchObject({
    code: 'SIGNATURE_WRONG_KEY',
  });
  const keyed = [...start, '--key', bench.publicKey];
  expect(await bench.fails(keyed.filter((one) => one !== '--secret' && one !== word))).toMatchObject({
    code: 'SECRET_UNUSABLE',
  });
  const { instances } = await bench.run<{ instances: RunningInstance[] }>(keyed);
  const shop = instances.find(({ stack }) => stack?.service === 'shop')!;
  const script = 'busybox wget -q -O - http://store/greeting; cat /etc/word';
  const { stdout } = await bench.ended(['exec', shop.id, '--state', elsewhere, '--', 'sh', '-c', script]);
  expect(stdout).toBe(`Hello from a value\n${given}`);
  await bench.run(['stop', 'hats.stack', '--state', elsewhere]);
  expect(await remains({ directory: bench.desk.directory, state: elsewhere })).toEqual([]);
});

test('an image is no stack', async () => {
  const image = `${bench.server.host}/images/shop:1`;
  const start = ['run', image, '--state', elsewhere, '--key', bench.publicKey];
  expect(await bench.fails(start)).toMatchObject({ code: 'USAGE' });
});

test('is released with its images by one command', async () => {
  const to = `${bench.server.host}/released/{{name}}:2`;
  const release = ['release', 'hats.stack', '--key', bench.key, '--to', to];
  const answer = await bench.run<{ stacks: PublishAnswer[] }>(release);
  expect(answer.stacks).toMatchObject([
    { name: 'hats', references: [`${bench.server.host}/released/hats:2`] },
  ]);
  for (const name of Object.keys(services)) expect(await bench.tags(`released/${name}`)).toContain('2');
  expect(await bench.fails([...release, '--detach'])).toMatchObject({ code: 'USAGE' });
});

test('an image of others is taken by its key, and gc keeps it for the stack', async () => {
  const beside = join(bench.desk.recipes, 'stacks');
  await copyFile(bench.publicKey, join(beside, 'release.pub'));
  await copyFile(bench.desk.path('other.pub'), join(beside, 'other.pub'));
  const stackWith = (key: string) => {
    const image = { reference: `${bench.server.host}/images/shop:1`, keys: [key] };
    return writeStack(bench.desk, 'borrowed', { services: { shop: { image } } });
  };
  await stackWith('other.pub');
  expect(await bench.fails(['boot', 'borrowed.stack'])).toMatchObject({ code: 'SIGNATURE_WRONG_KEY' });
  await stackWith('release.pub');
  const booted = await bench.run<StackVerdict>(['boot', 'borrowed.stack']);
  expect(booted).toMatchObject({ passed: true });
  const { snapshots } = await bench.run<{ snapshots: string[] }>(['gc', '--keep-days', '0']);
  expect(snapshots).toEqual([]);
  expect(await bench.run(['boot', 'borrowed.stack'])).toMatchObject({ stackDigest: booted.stackDigest });
  await rm(join(bench.desk.state, 'stacks'), { recursive: true });
  const after = await bench.run<{ snapshots: string[] }>(['gc', '--keep-days', '0']);
  expect(after.snapshots).not.toEqual([]);
});
