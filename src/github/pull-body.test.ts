/** What packages say stays text in a pull request, sends no notification, and fits. */
import fc from 'fast-check';
import { micromark } from 'micromark';
import { gfm, gfmHtml } from 'micromark-extension-gfm';
import { expect, test } from 'vitest';
import { htmlPage } from '../../test/helpers/elements.ts';
import { changesOf, proposalOf } from '../../test/helpers/github/proposal.ts';
import { soak } from '../../test/helpers/soak.ts';
import { maxBodyLength, pullText } from './pull-body.ts';

const numRuns = soak ? 2000 : 40;
const restPath = 'recipes/base.changes.md';
const textOf = (changes: Parameters<typeof proposalOf>[0]) =>
  pullText(proposalOf(changes), ['product'], restPath);

function page(markdown: string) {
  const options = { extensions: [gfm()], htmlExtensions: [gfmHtml()], allowDangerousHtml: true };
  return htmlPage(`<!doctype html><title>x</title>${micromark(markdown, options)}`);
}

/** What GitHub makes a notification of once it has rendered a page; links it makes before. */
const acting = /@[a-z0-9]|#\d|\bGH-\d/i;
const hostile = [
  '@root',
  '@org/team',
  'a@b.cd',
  '#1',
  'fixes #1',
  'o/r#1',
  'GH-1',
  'gh-12',
  'https://a.b/c',
  'www.a.b',
  '[x](http://a.b)',
  '![x](http://a.b)',
  '[x]: http://a.b',
  '<img src=x onerror=alert(1)>',
  '<!--',
  '</details>',
  '| a | b |',
  '```',
  '# a',
  '- [ ] a',
  '> a',
  '\n\n',
  '\r',
  '\u202E',
  '\u001B[2J',
  '{{recipe}}',
  '$x$',
];
const texts = fc
  .array(fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 6 })
  .map((chosen) => chosen.join(' '));

test('no text of a package adds an element, a mention, a link or a reference', async () => {
  const expected = page((await textOf(changesOf(3, (field) => field))).body);
  expect(expected.faults).toEqual([]);
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const { body } = await textOf(changesOf(3, (field) => `${field} ${text}`));
      const { elements, faults, text: shown } = page(body);
      expect(elements).toEqual(expected.elements);
      expect(faults).toEqual([]);
      expect(shown).not.toMatch(acting);
    }),
    { numRuns },
  );
});

const long = 'long '.repeat(300);
test.each([
  ['400 packages with changelogs', changesOf(400, () => long, 30)],
  ['400 packages without changelogs', changesOf(400, () => long, 0)],
  ['20,000 packages', changesOf(20_000, (field) => field, 0)],
  ['one endless line', changesOf(2, (field) => (field === 'entry' ? 'x'.repeat(1_000_000) : 'x'))],
  ['what is escaped most', changesOf(400, () => '<@#`'.repeat(200), 1)],
  [
    '2,000 advisories',
    {
      packages: [],
      advisories: Array.from({ length: 2000 }, (_, index) => ({
        id: `HAT-${index}`,
        severity: 'Important',
        cves: Array.from({ length: 900 }, () => 'CVE-2026-1234'),
        title: long,
      })),
    },
  ],
])('%s: it fits, and the rest is in a file', async (_name, changes) => {
  const { body, rest } = await textOf(changes);
  expect(body.length).toBeLessThanOrEqual(maxBodyLength);
  const isLong = rest !== undefined;
  expect(body.includes('base.changes.md')).toBe(isLong);
  for (const { name } of changes.packages ?? []) expect(isLong ? rest : body).toContain(name.slice(0, 5));
  expect(page(body).faults).toEqual([]);
});

test('it is the same each time', async () => {
  const changes = changesOf(400, () => long);
  expect(await textOf(changes)).toEqual(await textOf(changes));
});

test('a small change is told whole', async () => {
  const { body, rest } = await textOf(changesOf(2, (field) => field));
  expect(rest).toBeUndefined();
  for (const word of ['00001name', 'from -&gt; to', 'entry', 'CVE, cve', 'severity', 'product', '1.3 MB'])
    expect(body).toContain(word);
});
