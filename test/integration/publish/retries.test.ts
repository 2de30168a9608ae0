/** An image that passed only when it was booted again: its signed verdict says so, and clients read it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { fetchAttachment } from '../../../src/pipeline/trust/fetch-signatures.ts';
import type { Verification } from '../../../src/pipeline/trust/verify-image.ts';
import { attachedEnvelopes } from '../../../src/stages/sign/attestation.ts';
import { openEnvelope, predicateTypes } from '../../../src/stages/sign/statement.ts';
import { readPublicKey } from '../../../src/stages/sign/public-key.ts';
import { FlakyInstances, flakyRecipe } from '../../helpers/flaky-image.ts';
import { Bench } from '../../helpers/publish-fixture.ts';

let bench: Bench;
let digest: Digest;
const reference = () => `${bench.server.host}/flaky:1`;
beforeAll(async () => {
  bench = await Bench.open();
  const { desk } = bench;
  const built = await desk.build(await desk.tiny('flaky', ['tiny-base'], flakyRecipe(2, 3)));
  digest = built.manifestDigest as Digest;
  await using instances = new FlakyInstances(desk.state, 1);
  await bench.run(['boot', 'flaky']);
  expect(instances.seen).toHaveLength(2);
  await bench.publish('flaky', reference());
});
afterAll(() => bench.close());

test('verify tells of the retry in each layout', async () => {
  const verify = ['verify', reference(), '--key', bench.publicKey];
  const { proved } = await bench.run<Verification>(verify);
  const verdicts = proved.filter(({ claim }) => claim === 'verdict');
  expect(verdicts.map(({ layout, retries }) => [layout, retries])).toEqual([
    ['sig', 1],
    ['bundle', 1],
  ]);
  const { stdout } = await bench.ended(verify);
  expect(stdout.split('\n').filter((line) => line.endsWith('after 1 retry'))).toHaveLength(2);
});

test('what is signed has the number of attempts, and why the first one failed', async () => {
  const client = bench.client();
  const image = { client, repository: 'flaky', digest };
  const key = readPublicKey(await readFile(bench.publicKey, 'utf8'));
  const envelopes = attachedEnvelopes(digest, await fetchAttachment(image, 'att'));
  const found = envelopes.find(({ predicateType }) => predicateType === predicateTypes.verdict)!;
  const { predicate } = openEnvelope({ key, digest }, found.read(), found.name);
  expect(predicate).toMatchObject({
    result: 'PASSED',
    attempts: 2,
    failedTests: [],
    verdict: { passed: true, failedAttempts: [{ causes: [{ code: 'check-failed' }] }] },
  });
});

test('booted once more without a failure, it is published as any other', async () => {
  await using instances = new FlakyInstances(bench.desk.state, 0);
  expect(await bench.run(['boot', 'flaky'])).toMatchObject({ passed: true, retries: 0 });
  expect(instances.seen).toHaveLength(1);
  await bench.publish('flaky', reference());
  const { proved } = await bench.run<Verification>(['verify', reference(), '--key', bench.publicKey]);
  expect(proved.filter(({ retries }) => retries !== undefined)).toEqual([]);
});

test('an image that used up its retries is not published', async () => {
  const { desk } = bench;
  await desk.build(await desk.tiny('never', ['tiny-base'], flakyRecipe(1, 1)));
  await using instances = new FlakyInstances(desk.state, Infinity);
  expect(await bench.fails(['boot', 'never'])).toEqual({ code: 'BOOT_FAILED', exit: 11 });
  expect(instances.seen).toHaveLength(2);
  const to = join(bench.server.host, 'never:1');
  expect(await bench.fails(bench.publishing('never', to))).toMatchObject({ code: 'IMAGE_UNBOOTED' });
});
