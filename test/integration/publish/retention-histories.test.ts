/** What retention reads from the histories of tags, and what becomes of them. */
import { expect, test } from 'vitest';
import type { Descriptor } from '../../../src/lib/oci/descriptor.ts';
import type { Digest } from '../../../src/lib/oci/digest.ts';
import { appendMove } from '../../../src/pipeline/publish/append-move.ts';
import { historyTag } from '../../../src/stages/sign/history-page.ts';
import type { TagMove } from '../../../src/stages/sign/tag-move.ts';
import { useRetention } from '../../helpers/retention-fixture.ts';
import type { Simulated } from '../../helpers/registry/simulated-images.ts';
import { publishAt, pushImage, pushIndex, tagImage } from '../../helpers/registry/simulated-images.ts';

const day = 86_400_000;
const fixture = useRetention();
const { placeAt, run, retain, isThere, imageTags, nights, reasons, moveAt, historyPlace, historyOf, now } =
  fixture;

/** Three nights, each under a tag of its own and under `latest`, which the last one left again. */
async function rolledBack(place: Simulated): Promise<Descriptor[]> {
  const images: Descriptor[] = [];
  for (const age of [4, 3, 2]) {
    const image = await pushImage(place, `${place.repository} ${age}`);
    for (const tag of [`d${age}`, 'latest']) await moveAt(place, image, tag, { reason: 'published', age });
    images.push(image);
  }
  await moveAt(place, images[1]!, 'latest', { reason: 'rolled-back', age: 1 });
  return images;
}

test('where a tag would go back to is read from its records', async () => {
  const place = placeAt('records');
  await rolledBack(place);
  const { repositories, removed } = await retain([place], ['d*,age=1h']);
  // By the statements alone it would be d2, which was rolled back from.
  expect(reasons(repositories)).toEqual({ d2: 'expired', d3: 'shared', d4: 'rollback', latest: 'no rule' });
  expect(removed!.flatMap(({ tags }) => tags)).toEqual(['d2']);
  expect((await historyOf(place, 'latest')).map(({ reason }) => reason)).toEqual([
    'published',
    'published',
    'published',
    'rolled-back',
  ]);
});

test('the history of a tag goes with it, all its pages, and a tag of that name begins anew', async () => {
  const place = placeAt('histories');
  const { client, repository } = place;
  await rolledBack(place);
  const [gone, kept] = ['d2', 'd4'].map((tag) => historyTag(tag, fixture.key.public));
  await tagImage(place, (await pushImage(place, 'a full page')).digest, [`${gone}.1`]);
  // Of the same tag, by another key.
  await tagImage(place, (await pushImage(place, 'theirs')).digest, [
    historyTag('d2', fixture.stranger.public),
  ]);
  const [plan] = (await retain([place], ['d*,age=1h'], { confirm: async () => false })).repositories;
  expect(plan!.images.map(({ histories }) => histories)).toEqual([[gone, `${gone}.1`]]);
  await retain([place], ['d*,age=1h']);
  const tags = await client.listTags(repository);
  expect(tags!.filter((tag) => tag.startsWith(gone!))).toEqual([]);
  expect(tags).toEqual(expect.arrayContaining([kept, historyTag('d2', fixture.stranger.public)]));
  await moveAt(place, await pushImage(place, 'again'), 'd2', { reason: 'published', age: 0 });
  expect((await historyOf(place, 'd2')).map(({ number }) => number)).toEqual([1]);
});

test('a history that was altered stops retention; that of a tag which would go keeps it', async () => {
  const place = placeAt('altered');
  const [oldest, , newest] = await rolledBack(place);
  const alter = async (tag: string) => tagImage(place, oldest!.digest, [historyTag(tag, fixture.key.public)]);
  await alter('d2');
  const { repositories } = await retain([place], ['d*,age=1h']);
  expect(reasons(repositories)).toMatchObject({ d2: 'altered', d4: 'rollback' });
  expect(await isThere(place, newest!.digest)).toBe(true);
  await alter('latest');
  await expect(retain([place], ['d*,age=1h'])).rejects.toMatchObject({ code: 'HISTORY_ALTERED' });
});

test('a tag with a hold stays until it is lifted', async () => {
  const place = placeAt('held');
  const [newest, , third] = await nights(place, [1, 2, 3]);
  const holdAt = (tag: string, to: Digest, hold: TagMove['hold']) =>
    appendMove(historyPlace(place, tag), fixture.key, { state: run().state, warn: () => {} }, () => {
      return { to, reason: hold ? 'held' : 'released', ...(hold && { hold }) };
    });
  await holdAt('d1', newest!, { reason: 'looked at' });
  await holdAt('d3', third!, { reason: 'a customer has it' });
  const { repositories } = await retain([place], ['d*,age=1h']);
  expect(reasons(repositories)).toEqual({ d1: 'held', d2: 'expired', d3: 'held' });
  await holdAt('d3', third!, undefined);
  await retain([place], ['d*,age=1h']);
  expect(await imageTags(place)).toEqual(['d1']);
});

test('what a rollback needs stays where nothing names it but the records', async () => {
  const place = placeAt('untagged');
  const { client, repository } = place;
  const [old] = await nights(place, [9]);
  const inIndex = await pushImage(place, 'in the index');
  const index = await pushIndex(place, [inIndex, await pushImage(place, 'beside', 'arm64')]);
  await publishAt(place, inIndex, { tags: ['d8'], time: now - 8 * day });
  await moveAt(place, index, 'latest', { reason: 'published', age: 2 });
  await moveAt(place, await pushImage(place, 'newer'), 'latest', { reason: 'published', age: 1 });
  // They pass off a history that stays, and what has no tag, as pages of the history of a tag that goes.
  const page = (await client.getManifest(repository, historyTag('latest', fixture.key.public)))!;
  const pages = historyTag('d9', fixture.key.public);
  await tagImage(place, page.digest, [`${pages}.7`]);
  await tagImage(place, index.digest, [`${pages}.8`]);
  const { repositories } = await retain([place], ['d*,age=1h']);
  expect(reasons(repositories)).toEqual({ d8: 'rollback', d9: 'expired', latest: 'no rule' });
  expect(repositories[0]!.rollback).toEqual(expect.arrayContaining([index.digest, inIndex.digest]));
  for (const { digest } of [index, inIndex]) expect(await isThere(place, digest)).toBe(true);
  expect(await isThere(place, old!)).toBe(false);
  expect(await historyOf(place, 'latest')).toHaveLength(2);
});

test('an index that is signed and recorded keeps its images before its tag moves', async () => {
  const place = placeAt('signed');
  const both = await pushImage(place, 'both');
  const older = await pushIndex(place, [both, await pushImage(place, 'old', 'arm64')]);
  const newer = await pushIndex(place, [both, await pushImage(place, 'other', 'arm64')]);
  await publishAt(place, both, { tags: ['d9'], time: now - 9 * day });
  await moveAt(place, older, 'latest', { reason: 'published', age: 1 });
  await appendMove(historyPlace(place, 'latest'), fixture.key, { state: run().state, warn: () => {} }, () => {
    return { to: newer.digest, reason: 'published' };
  });
  await tagImage(place, (await pushImage(place, 'by hand')).digest, ['latest']);
  const { repositories } = await retain([place], ['d*,age=1h']);
  expect(repositories[0]!.rollback).toContain(newer.digest);
  expect(await isThere(place, both.digest)).toBe(true);
});
