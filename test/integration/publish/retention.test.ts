/** What retention removes from a real registry, and what it must not: by digest, whatever names it. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withLock } from '../../../src/lib/host/locks.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { indexType, manifestType } from '../../../src/lib/oci/descriptor.ts';
import { hexOf, sha256Of, tagOf, type Digest } from '../../../src/lib/oci/digest.ts';
import { useRetention } from '../../helpers/retention-fixture.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import {
  publishAt,
  publishIndexAt,
  pushImage,
  pushIndex,
  tagImage,
  type Simulated,
} from '../../helpers/registry/simulated-images.ts';

const day = 86_400_000;
const fixture = useRetention();
const { placeAt, retain, isThere, imageTags, attachmentTags, verifies, nights, reasons, now } = fixture;

test('what no rule keeps goes with all that hangs on it; the rest is as it was', async () => {
  const place = placeAt('plain');
  const [, , third] = await nights(place, [1, 2, 3, 4]);
  await tagImage(place, (await pushImage(place, 'unsigned')).digest, ['d9']);
  const bundles = await place.client.referrers(place.repository, third!);
  expect(bundles.length).toBeGreaterThan(3);
  const dry = await retain([place], ['d*,keep=2'], { confirm: async () => false });
  expect(reasons(dry.repositories)).toEqual({
    d1: 'kept',
    d2: 'kept',
    d3: 'expired',
    d4: 'expired',
    d9: 'unstated',
  });
  expect(dry.removed).toBeUndefined();
  expect(await imageTags(place)).toEqual(['d1', 'd2', 'd3', 'd4', 'd9']);
  const { removed } = await retain([place], ['d*,keep=2']);
  expect(removed!.flatMap(({ tags }) => tags)).toEqual(['d3', 'd4']);
  expect(await imageTags(place)).toEqual(['d1', 'd2', 'd9']);
  expect(await isThere(place, third!)).toBe(false);
  expect(await attachmentTags(place, third!)).toEqual([]);
  for (const { digest } of bundles) expect(await isThere(place, digest)).toBe(false);
  await verifies(place, 'd1');
  await verifies(place, 'd2');
  // Nothing more to do.
  expect(await retain([place], ['d*,keep=2'])).not.toHaveProperty('removed');
});

test('an image that a kept tag names stays with all its tags', async () => {
  const place = placeAt('shared');
  await nights(place, [1, 2]);
  const image = await pushImage(place, 'shared');
  await publishAt(place, image, { tags: ['d3', 'stable'], time: now - 3 * day });
  const { repositories } = await retain([place], ['d*,keep=1']);
  expect(reasons(repositories)).toEqual({ d1: 'kept', d2: 'expired', d3: 'shared', stable: 'no rule' });
  expect(await imageTags(place)).toEqual(['d1', 'd3', 'stable']);
  await verifies(place, 'stable');
});

test('the image that a tag would go back to stays', async () => {
  const place = placeAt('rollback');
  for (const age of [3, 2, 1]) {
    const image = await pushImage(place, `rollback ${age}`);
    await publishAt(place, image, { tags: [`d${age}`, 'latest'], time: now - age * day });
  }
  const { repositories } = await retain([place], ['d*,keep=1']);
  expect(reasons(repositories)).toEqual({ d1: 'kept', d2: 'rollback', d3: 'expired', latest: 'no rule' });
  expect(await imageTags(place)).toEqual(['d1', 'd2', 'latest']);
});

test('an index goes with its images, but for those that anything else names', async () => {
  const place = placeAt('indexes');
  const both = await pushImage(place, 'both');
  const [first, second] = [
    await pushImage(place, 'first', 'arm64'),
    await pushImage(place, 'second', 'arm64'),
  ];
  const older = await pushIndex(place, [both, first]);
  const newer = await pushIndex(place, [both, second]);
  await publishAt(place, both, { tags: ['d9'], time: now - 9 * day });
  await publishAt(place, first, { tags: ['d8'], time: now - 8 * day });
  await publishIndexAt(place, older, [both, first], { tags: ['d2'], time: now - 2 * day });
  await publishIndexAt(place, newer, [both, second], { tags: ['d1'], time: now - day });
  const { repositories } = await retain([place], ['d*,keep=1']);
  expect(reasons(repositories)).toEqual({ d1: 'kept', d2: 'expired', d8: 'expired', d9: 'shared' });
  for (const { digest } of [newer, both, second]) expect(await isThere(place, digest)).toBe(true);
  for (const { digest } of [older, first]) expect(await isThere(place, digest)).toBe(false);
  await verifies(place, 'd1');
});

test('nothing that others write makes a kept image go', async () => {
  const place = placeAt('hostile');
  const { client, repository } = place;
  const [kept, gone] = await nights(place, [1, 2]);
  // They hang the kept image on the other one, as its bill of materials and as its referrer.
  await tagImage(place, kept!, [`${tagOf(gone!)}.sbom`]);
  const { bytes } = (await client.getManifest(repository, kept!))!;
  const entry = { mediaType: manifestType, digest: kept!, size: bytes.length };
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry] }));
  await client.putManifest(repository, tagOf(gone!), index, indexType);
  // And they state, with a key of their own, that the kept one is old and another one new.
  const theirs = { ...place, key: fixture.stranger };
  await publishAt(theirs, entry, { tags: ['d1'], time: now - 900 * day });
  await publishAt(theirs, await pushImage(place, 'theirs'), { tags: ['d0'], time: now });
  const { repositories, removed } = await retain([place], ['d*,keep=1']);
  expect(reasons(repositories)).toEqual({ d0: 'unstated', d1: 'kept', d2: 'expired' });
  expect(removed!.map(({ digest }) => digest)).toEqual([gone]);
  expect(await isThere(place, kept!)).toBe(true);
  await verifies(place, 'd1');
});

test('a run that was interrupted is finished by the next', async () => {
  const place = placeAt('interrupted');
  const [kept, gone] = await nights(place, [1, 2]);
  // Derived from something that is no image.
  const record = `sha256-${'0'.repeat(64)}.history`;
  await tagImage(place, (await pushImage(place, 'record')).digest, [record]);
  await place.client.deleteManifest(place.repository, gone!, ['d2']);
  expect(await attachmentTags(place, gone!)).not.toEqual([]);
  const bundles = await place.client.referrers(place.repository, gone!);
  const { removed } = await retain([place], ['d*,keep=1']);
  expect(removed).toEqual([expect.objectContaining({ digest: gone, tags: [] })]);
  expect(await attachmentTags(place, gone!)).toEqual([]);
  for (const { digest } of bundles) expect(await isThere(place, digest)).toBe(false);
  for (const reference of [kept!, record]) expect(await isThere(place, reference)).toBe(true);
});

test('what changes while the question is asked is not removed', async () => {
  const place = placeAt('asked');
  const [, second, third] = await nights(place, [1, 2, 3, 4]);
  const { removed } = await retain([place], ['d*,keep=1'], {
    confirm: async () => {
      await tagImage(place, second!, ['hotfix']);
      await publishAt(place, await pushImage(place, 'new'), { tags: ['d3'], time: now });
      return true;
    },
  });
  expect(removed!.flatMap(({ tags }) => tags)).toEqual(['d4']);
  expect(await isThere(place, second!)).toBe(true);
  expect(await isThere(place, third!)).toBe(true);
  // It was shown as kept.
  expect(await imageTags(place)).toEqual(['d1', 'd2', 'd3', 'hotfix']);
});

test('an image that gets a tag while retention waits for its lock stays', async () => {
  const place = placeAt('waited');
  const [, second] = await nights(place, [1, 2]);
  const lock = join(fixture.directory, 'state', 'locks', `publish-${hexOf(second!)}`);
  const waits = Promise.withResolvers<void>();
  const step = (text: string) => text.startsWith('waiting') && waits.resolve();
  let removing: ReturnType<typeof retain> | undefined;
  await withLock(lock, 'exclusive', async () => {
    removing = retain([place], ['d*,keep=1'], {}, { ...silent, step });
    await waits.promise;
    await tagImage(place, second!, ['stable']);
  });
  expect((await removing!).removed).toEqual([]);
  expect(await imageTags(place)).toEqual(['d1', 'd2', 'stable']);
});

test('a registry without DELETE is told by name, and does not stop the others', async () => {
  const other = await RegistryServer.start({ noDelete: true });
  try {
    const [fixed, place] = [placeAt('fixed', other.host), placeAt('beside')];
    await nights(fixed, [1, 2]);
    await nights(place, [1, 2]);
    const failing = retain([fixed, place], ['d*,keep=1']);
    await expect(failing).rejects.toMatchObject({
      code: 'DELETE_UNSUPPORTED',
      message: expect.stringContaining(other.host) as string,
    });
    expect(await imageTags(fixed)).toEqual(['d1', 'd2']);
    await verifies(fixed, 'd2');
    expect(await imageTags(place)).toEqual(['d1']);
  } finally {
    await other.close();
  }
});

test('a repository that is not there, and one with a tag', async () => {
  await expect(retain([placeAt('none')], ['d*,keep=1'])).rejects.toMatchObject({ code: 'IMAGE_UNPUBLISHED' });
  const tagged = { ...placeAt('plain'), name: `${fixture.server.host}/plain:d1` };
  await expect(retain([tagged], ['d*,keep=1'])).rejects.toMatchObject({ code: 'REFERENCE_INVALID' });
});

/** As whoever may push can put it there. */
async function pushHostile(place: Simulated, manifests: readonly object[]): Promise<object> {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  const digest = sha256Of(bytes);
  await place.client.putManifest(place.repository, digest, bytes, indexType);
  return { mediaType: indexType, digest, size: bytes.length };
}

test.each<[string, (place: Simulated, image: object) => Promise<object>]>([
  ['nested too deep', (place, image) => nested(place, image, 5)],
  [
    'with too many images',
    (place, image) =>
      pushHostile(
        place,
        Array.from({ length: 1001 }, () => image),
      ),
  ],
])('an index %s: nothing is removed, because it may name a kept image', async (name, hostile) => {
  const place = placeAt(`hostile/${name.replaceAll(' ', '-')}`);
  const [image] = await nights(place, [1, 2, 3]);
  const { bytes } = (await place.client.getManifest(place.repository, image!))!;
  const entry = { mediaType: manifestType, digest: image, size: bytes.length };
  const { digest } = (await hostile(place, entry)) as { digest: Digest };
  await tagImage(place, digest, ['d9']);
  await expect(retain([place], ['d*,keep=1'])).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
  expect(await imageTags(place)).toEqual(['d1', 'd2', 'd3', 'd9']);
});

async function nested(place: Simulated, entry: object, depth: number): Promise<object> {
  return depth === 0 ? entry : nested(place, await pushHostile(place, [entry]), depth - 1);
}
