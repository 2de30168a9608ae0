import { expect, test } from 'vitest';
import { setSchema } from './set-schema.ts';

const small = { name: 'night', recipes: ['base'], key: 'release.key' };
const isValid = (fields: object) => setSchema.safeParse({ ...small, ...fields }).success;

test('what is not given has a default, and a name is a member without settings', () => {
  expect(setSchema.parse(small)).toEqual({
    ...small,
    recipes: [{ recipe: 'base' }],
    update: 'all',
    hold: [],
    retention: [],
    reports: [],
  });
});

test.each(['30 2 * * *', '*/15 0-6 1,15 * 1-5', '0 0 31 12 7'])('%s is a schedule', (schedule) => {
  expect(isValid({ schedule })).toBe(true);
});

test.each([
  '',
  '60 2 * * *',
  '* 24 * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '5-2 * * * *',
  '*/0 * * * *',
])('%j is no schedule', (schedule) => {
  expect(isValid({ schedule })).toBe(false);
});

test.each(['* * * *', '* * * * * *', '@daily', '0 2 * * MON'])('%j is no schedule either', (schedule) => {
  expect(isValid({ schedule })).toBe(false);
});

test.each([
  { retention: [{ tags: '*' }] },
  { retention: [{ tags: '*', age: '30' }] },
  { retention: [{ tags: '*', keep: 0 }] },
  { reports: [{ format: 'json', file: 'x' }] },
  { reports: [{ format: 'html' }] },
  { reports: [{ format: 'json', webhook: 'https://user:word@example.com', secret: 'x' }] },
  { reports: [{ format: 'json', webhook: 'file:///etc/passwd', secret: 'x' }] },
  { quarantine: { after: 0 } },
  { update: 'some' },
  { recipes: [] },
  { recipes: [{ recipe: 'base', key: 'x' }] },
  { arches: ['z80'] },
  { github: {} },
  { github: { repository: 'hats' } },
  { github: { repository: 'a/b/c' } },
  { github: { repository: 'a/b', url: 'https://user:word@example.com' } },
  { github: { repository: 'a/b', labels: ['a,b'] } },
  { github: { repository: 'a/b', automerge: true } },
  { nonsense: true },
])('%j is refused', (fields) => {
  expect(isValid(fields)).toBe(false);
});

test('reports to files and to a webhook', () => {
  const reports = [
    { format: 'junit', file: 'reports/{{date}}.xml' },
    { format: 'json', webhook: 'https://chat.example.com/hook', secret: 'keys/hook' },
  ];
  expect(setSchema.parse({ ...small, reports }).reports).toEqual(reports);
});

test('a repository on GitHub is told everything, and nothing is merged, unless the set says otherwise', () => {
  expect(setSchema.parse({ ...small, github: { repository: 'hats/images' } }).github).toEqual({
    repository: 'hats/images',
    pulls: true,
    releases: true,
    statuses: true,
    issues: true,
    labels: ['milliner'],
  });
});
