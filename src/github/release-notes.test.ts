/** The texts of releases and issues: what packages say stays text there, and they stay within GitHub's limits. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostileText, markdownPage } from '../../test/helpers/hostile-text.ts';
import { soak } from '../../test/helpers/soak.ts';
import type { Digest } from '../lib/oci/digest.ts';
import {
  imageReportSchema,
  nightReportSchema,
  type NightReportInput,
} from '../stages/report/night-report.ts';
import { issueOfNight, issuesOf } from './night-issues.ts';
import { releaseNotes } from './release-notes.ts';

const numRuns = soak ? 1000 : 30;
const digest: Digest = `sha256:${'5'.repeat(64)}`;
const started = '2026-11-30T02:00:00Z';
type ImageInput = NightReportInput['images'][number];
type Text = (field: string) => string;

const image = (text: Text): ImageInput => ({
  recipe: text('recipe'),
  arches: [text('arch')],
  outcome: 'published',
  digest,
  previous: digest,
  references: [text('reference'), 'registry.example.com/hats/base:1'],
  reasons: [{ kind: 'package', from: text('from'), to: text('to'), advisories: [text('reason')] }],
  packages: [{ name: text('name'), arch: text('arch'), from: text('old'), to: text('new') }],
  advisories: [
    { id: text('id'), severity: text('severity'), cves: [text('cve'), 'CVE-2'], title: text('title') },
  ],
  updateBytes: 1300,
  size: 5_000_000,
  boot: { readySeconds: 0.5, retries: 0 },
});

const notesOf = (input: ImageInput) => releaseNotes({ ...imageReportSchema.parse(input), digest }, started);

async function issueTexts(text: Text): Promise<string[]> {
  const failure = {
    stage: text('stage'),
    arch: text('arch'),
    code: 'BOOT_FAILED',
    message: text('message'),
    hint: text('hint'),
    log: text('log'),
  };
  const images = [{ recipe: text('recipe'), arches: ['x86_64'], outcome: 'failed' as const, failure }];
  const night = nightReportSchema.parse({ version: 1, set: 'hats', started, finished: started, images });
  const { failing } = await issuesOf(night, new Set(), []);
  const whole = await issueOfNight({ set: 'hats', ...failure }, '2026-11-30', []);
  return [...failing, ...whole.failing].map(({ body }) => body);
}

const readers: [string, (text: Text) => Promise<string[]>][] = [
  ['the notes of a release', async (text) => [(await notesOf(image(text))).body]],
  ['issues', issueTexts],
];

const pagesOf = (texts: readonly string[]) => texts.map((text) => markdownPage(text).elements);

describe.each(readers)('%s', (_, render) => {
  test('have the elements of their template, whatever packages say', async () => {
    const expected = pagesOf(await render((field) => field));
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(hostileText), async (stream) => {
        const texts = await render(() => String(stream.next().value));
        expect(pagesOf(texts)).toEqual(expected);
      }),
      { numRuns },
    );
  });

  test('name no user and no issue', async () => {
    const texts = await render(() => 'by @octocat, see #1 and GH-2, fixes octo/cat#3');
    // In code nothing is a name.
    const prose = texts.map((text) => text.replaceAll(/```sh\n[\s\S]*?```/g, ''));
    const shown = prose.map((text) => markdownPage(text).text).join('');
    expect(shown).toContain('octocat');
    expect(shown).not.toMatch(/@[A-Za-z0-9]|#\d|GH-\d/);
  });

  test('stay within the limits of GitHub with lines of any length', async () => {
    const cutFields = new Set(['message', 'hint', 'log', 'title', 'reference']);
    for (const sign of ['a', '<', '\u{1F3A9}', '`']) {
      const texts = await render((field) => sign.repeat(cutFields.has(field) ? 4000 : 400));
      for (const text of texts) expect(text.length).toBeLessThan(65_536);
    }
  });
});

test('400 packages are in the notes; what 4000 take beyond the limit is in a file, advisories first', async () => {
  const withPackages = (count: number) => ({
    ...image((field) => field),
    packages: Array.from({ length: count }, (_, index) => ({
      name: `a-package-of-some-length-${index}`,
      arch: 'x86_64',
      from: `1:2.3.${index}-4.fc43`,
      to: `1:2.3.${index}-5.fc43`,
    })),
  });
  const few = await notesOf(withPackages(400));
  expect(few.whole).toBeUndefined();
  expect(few.body).toContain('-399');
  const many = await notesOf(withPackages(4000));
  expect(many.body.length).toBeLessThan(65_536);
  expect(many.body).toContain('CVE-2');
  expect(many.whole).toContain('-3999');
});

test('only names that registries take become commands', async () => {
  const { body } = await notesOf({
    ...image((field) => field),
    references: ['registry.example.com/a;reboot', '$(reboot)', 'registry.example.com/hats/base:1'],
  });
  const blocks = [...body.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text!);
  expect(blocks).toHaveLength(2);
  expect(blocks.join('')).not.toMatch(/reboot|[;$`]/);
  expect(blocks[0]).toContain(`registry.example.com/hats/base@${digest}`);
});
