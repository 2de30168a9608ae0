/** `rollback` of a tag beside `publish` of the image that it had before: both verify, sign, record and move the tag. */
import type { BuildAnswer } from '../helpers/milliner.ts';
import { Bench as Desk } from '../helpers/publish-fixture.ts';
import { buildTwo, recipeOfTwo, twoArches } from '../helpers/two-arches.ts';
import type { Bench, Case } from './case.ts';

const runs = 5;
const maxSeconds = 5;

export async function rollbackCases(): Promise<Bench> {
  const desk = await Desk.open();
  await desk.booted('old', ['tiny-base']);
  await desk.booted('young', ['tiny-base', 'tiny-app']);
  for (const name of ['old-index', 'young-index']) {
    await buildTwo(desk.desk, await recipeOfTwo(desk.desk, name));
    for (const arch of twoArches) await desk.run<BuildAnswer>(['boot', name, '--arch', arch]);
  }
  const cases = [
    ...(await casesOf(desk, 'a tag of one image', { old: 'old', young: 'young' })),
    ...(await casesOf(desk, 'a tag of an index of two images', { old: 'old-index', young: 'young-index' })),
  ];
  return { cases, close: () => desk.close() };
}

async function casesOf(
  desk: Desk,
  name: string,
  { old, young }: Record<'old' | 'young', string>,
): Promise<Case[]> {
  const reference = `${desk.server.host}/${young}:1`;
  const key = ['--key', desk.key];
  for (const image of [old, young]) await desk.publish(image, reference);
  /** Seconds from the start of the process to its end; then the tag is as it was before. */
  const timed = async (args: string[]) => {
    const began = performance.now();
    await desk.run(args);
    const seconds = (performance.now() - began) / 1000;
    await desk.run(['unhold', reference, ...key]);
    await desk.publish(young, reference);
    return seconds;
  };
  const ours = () => timed(['rollback', reference, ...key]);
  const common = { bench: 'rollback', unit: 's', runs, seconds: { ours: 4, peer: 4 }, ours };
  return [
    {
      ...common,
      case: `${name}, beside publish of the former image`,
      target: { atMost: 1.5 },
      peer: () => timed(desk.publishing(old, reference)),
    },
    {
      ...common,
      case: `${name}, beside ${maxSeconds} s`,
      target: { atMost: 1 },
      peer: () => Promise.resolve(maxSeconds),
    },
  ];
}
