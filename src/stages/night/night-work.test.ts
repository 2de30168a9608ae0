import { expect, test } from 'vitest';
import { sha256Of } from '../../lib/oci/digest.ts';
import { decideWork, type MemberPast, type NightMember } from './night-work.ts';
import type { ImagePlan, PlannedImage } from './planned-image.ts';

const digestOf = (text: string) => sha256Of(Buffer.from(text));
const content = digestOf('content');
const target = digestOf('target');
const clock = { now: 1_000_000, life: 1000 };

const member = (recipe: string, fields: Partial<NightMember> = {}): NightMember => ({
  recipe,
  path: `${recipe}.yaml`,
  arches: ['x86_64'],
  bases: [],
  lock: `lock-${recipe}`,
  content,
  target,
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
const published = (recipe: string, fields: object = {}): MemberPast => ({
  published: { lock: `lock-${recipe}`, content, target, stated: clock.now, ...fields },
});
const decide = (
  plan: ImagePlan,
  members: NightMember[],
  past: Record<string, MemberPast>,
  retried: string[] = [],
) => decideWork(plan, members, new Map(Object.entries(past)), new Set(retried), clock);

test('what is planned or was not published is worked on, the rest is not', () => {
  const members = [member('a'), member('b'), member('c'), member('d')];
  const past = {
    a: published('a'),
    b: published('b', { lock: 'older' }),
    c: published('c', { target: digestOf('another') }),
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

test('a changed file of a recipe is published, and a statement is renewed in the second half of its life', () => {
  const members = [member('a', { content: digestOf('edited') }), member('b'), member('c')];
  const past = {
    a: published('a'),
    b: published('b', { stated: clock.now - 500 }),
    c: published('c', { stated: clock.now - 499 }),
  };
  const work = decide(planOf(), members, past);
  expect(work.images.map(({ recipe, reasons }) => [recipe, reasons[0]!.kind])).toEqual([
    ['a', 'recipe'],
    ['b', 'statement'],
  ]);
  expect(work.unchanged).toEqual(['c']);
  expect([...work.locked]).toEqual(['a', 'b']);
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

test('a base that was not published overtakes with the security fix that stands on it', () => {
  const members = [member('a'), member('base'), member('top', { bases: ['base'] })];
  const images = [planned('a'), planned('top', { bases: ['base'], priority: 'high' })];
  const past = { a: published('a'), top: published('top') };
  const work = decide(planOf({ images }), members, past);
  expect(work.images.map(({ recipe, priority }) => [recipe, priority])).toEqual([
    ['base', 'high'],
    ['top', 'high'],
    ['a', 'normal'],
  ]);
});

test('after so many nights a recipe rests, with what stands on it, until it changes or a person asks for it', () => {
  const members = [
    member('bad', { quarantineAfter: 2 }),
    member('middle', { bases: ['bad'] }),
    member('top', { bases: ['bad', 'middle'] }),
  ];
  const past = { bad: { ...published('bad'), failing: { nights: 2, content } } };
  const plan = planOf({ images: [planned('bad'), planned('middle', { bases: ['bad'] })] });
  const work = decide(plan, members, past);
  expect(work).toMatchObject({ images: [], quarantined: [{ recipe: 'bad', nights: 2 }] });
  expect(work.skipped).toEqual([
    { recipe: 'middle', base: 'bad' },
    { recipe: 'top', base: 'middle' },
  ]);
  const names = (one: ReturnType<typeof decide>) => one.images.map(({ recipe }) => recipe);
  expect(names(decide(plan, members, past, ['bad']))).toEqual(['bad', 'middle', 'top']);
  const mended = [member('bad', { quarantineAfter: 2, content: digestOf('changed') }), ...members.slice(1)];
  expect(names(decide(plan, mended, past))).toEqual(['bad', 'middle', 'top']);
  const once = { bad: { failing: { nights: 1, content } } };
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
    locked: new Set(),
  });
});
