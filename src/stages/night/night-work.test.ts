import { expect, test } from 'vitest';
import { decideWork, type MemberPast, type NightMember } from './night-work.ts';
import type { ImagePlan, PlannedImage } from './planned-image.ts';

const member = (recipe: string, fields: Partial<NightMember> = {}): NightMember => ({
  recipe,
  path: `${recipe}.yaml`,
  arches: ['x86_64'],
  bases: [],
  lock: `lock-${recipe}`,
  inputs: 'inputs',
  target: 'target',
  quarantineAfter: undefined,
  ...fields,
});
const planned = (recipe: string, fields: Partial<PlannedImage> = {}): PlannedImage => ({
  recipe,
  path: `${recipe}.yaml`,
  arches: ['x86_64'],
  reasons: [{ kind: 'recipe' }],
  packages: [],
  advisories: [],
  updateBytes: 1,
  bases: [],
  priority: 'normal',
  ...fields,
});
const planOf = (fields: Partial<ImagePlan> = {}): ImagePlan => ({
  images: [],
  unchanged: [],
  failed: [],
  skipped: [],
  ...fields,
});
const published = (recipe: string): MemberPast => ({
  published: { lock: `lock-${recipe}`, target: 'target' },
});
const decide = (
  plan: ImagePlan,
  members: NightMember[],
  past: Record<string, MemberPast>,
  retried: string[] = [],
) => decideWork(plan, members, new Map(Object.entries(past)), new Set(retried));

test('what is planned or was not published is worked on, the rest is not', () => {
  const members = [member('a'), member('b'), member('c'), member('d')];
  const past = {
    a: published('a'),
    b: { published: { lock: 'older', target: 'target' } },
    c: { published: { lock: 'lock-c', target: 'another' } },
    d: published('d'),
  };
  const work = decide(planOf({ images: [planned('d')] }), members, past);
  expect(work.images.map(({ recipe, reasons }) => [recipe, reasons[0]!.kind])).toEqual([
    ['b', 'unpublished'],
    ['c', 'unpublished'],
    ['d', 'recipe'],
  ]);
  expect(work.unchanged).toEqual(['a']);
});

test('security fixes come first, each base before what stands on it', () => {
  const members = [
    member('a'),
    member('base'),
    member('top', { bases: ['base'] }),
    member('z', { bases: ['a'] }),
  ];
  const images = [
    planned('a'),
    planned('base', { priority: 'high' }),
    planned('top', { bases: ['base'], priority: 'high' }),
    planned('z', { bases: ['a'] }),
  ];
  const work = decide(planOf({ images }), members, {});
  expect(work.images.map(({ recipe }) => recipe)).toEqual(['base', 'top', 'a', 'z']);
});

test('after so many nights a recipe rests, with what stands on it, until it changes or a person asks for it', () => {
  const members = [
    member('bad', { quarantineAfter: 2 }),
    member('middle', { bases: ['bad'] }),
    member('top', { bases: ['bad', 'middle'] }),
  ];
  const past = { bad: { ...published('bad'), failing: { nights: 2, inputs: 'inputs' } } };
  const plan = planOf({ images: [planned('bad'), planned('middle', { bases: ['bad'] })] });
  const work = decide(plan, members, past);
  expect(work).toMatchObject({ images: [], quarantined: [{ recipe: 'bad', nights: 2 }] });
  expect(work.skipped).toEqual([
    { recipe: 'middle', base: 'bad' },
    { recipe: 'top', base: 'middle' },
  ]);
  const names = (one: ReturnType<typeof decide>) => one.images.map(({ recipe }) => recipe);
  expect(names(decide(plan, members, past, ['bad']))).toEqual(['bad', 'middle', 'top']);
  const mended = [member('bad', { quarantineAfter: 2, inputs: 'changed' }), ...members.slice(1)];
  expect(names(decide(plan, mended, past))).toEqual(['bad', 'middle', 'top']);
  const once = { bad: { failing: { nights: 1, inputs: 'inputs' } } };
  expect(names(decide(plan, members, once))).toEqual(['bad', 'middle', 'top']);
});

test('what cannot be planned fails, and what stands on it is skipped', () => {
  const failure = { code: 'SOLVE_FAILED', message: 'no', hint: 'Mend it.' };
  const plan = planOf({
    failed: [{ recipe: 'bad', ...failure }],
    skipped: [{ recipe: 'top', base: 'bad' }],
  });
  const work = decide(plan, [member('bad'), member('top', { bases: ['bad'] })], { bad: published('bad') });
  expect(work).toEqual({
    images: [],
    quarantined: [],
    failed: [{ recipe: 'bad', ...failure }],
    skipped: [{ recipe: 'top', base: 'bad' }],
    unchanged: [],
  });
});
