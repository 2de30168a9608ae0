/** Releases of images whose boot fails at first, or always: what the queue tells of the retries. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ReleaseStatus } from '../../../src/queue/status.ts';
import { FlakyInstances, flakyRecipe } from '../../helpers/flaky-image.ts';
import { Workshop } from './queue-fixture.ts';

let workshop: Workshop;
beforeAll(async () => {
  workshop = await Workshop.open();
});
afterAll(() => workshop.close());

const placeOf = (name: string) => ({ state: workshop.bench.desk.path(`state-${name}`) });
const flaky = (name: string, seconds: number) =>
  workshop.bench.desk.tiny(name, ['tiny-base'], flakyRecipe(1, seconds));
const to = (name: string) => `${workshop.bench.server.host}/${name}:1`;

interface Released {
  releases: ReleaseStatus[];
}

test('a flaky boot is released, and its report says how many retries it took, however often it is released', async () => {
  const place = placeOf('once');
  const args = workshop.releasing([await flaky('once', 5)], to('once'));
  await using instances = new FlakyInstances(place.state, 1);
  for (const boots of [2, 2]) {
    const { releases } = await workshop.json<Released>(args, place);
    expect(releases[0]).toMatchObject({ state: 'released', report: { images: [{ retries: 1 }] } });
    // The second release finds the verdict of the first.
    expect(instances.seen).toHaveLength(boots);
  }
});

test('an image that passes at once has no retries in its report', async () => {
  const place = placeOf('sound');
  const args = workshop.releasing([await flaky('sound', 5)], to('sound'));
  await using instances = new FlakyInstances(place.state, 0);
  const { releases } = await workshop.json<Released>(args, place);
  expect(releases[0]!.report!.images[0]).not.toHaveProperty('retries');
  expect(instances.seen).toHaveLength(1);
});

test('a boot that fails each time ends the release, and not only that attempt', async () => {
  const place = placeOf('never');
  const args = workshop.releasing([await flaky('never', 1)], to('never'));
  await using instances = new FlakyInstances(place.state, Infinity);
  const { code } = await workshop.ends([...args, '--json'], place);
  expect(code).not.toBe(0);
  const { releases } = await workshop.status(place);
  const stage = releases[0]!.stages.find((one) => one.stage === 'build')!;
  // The queue itself does not boot it again: the recipe says how often.
  expect(stage).toMatchObject({ state: 'failed', attempts: 1 });
  expect(stage.error).toMatchObject({ code: 'BOOT_FAILED', details: { passed: false, retries: 1 } });
  expect(instances.seen).toHaveLength(2);
});
