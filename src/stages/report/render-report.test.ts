/** What packages and repositories say stays text, in every format, read as its readers read it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { HtmlValidate } from 'html-validate';
import { expect, test } from 'vitest';
import { checkout } from '../../../spec/places.ts';
import { htmlPage, xmlPage, type Page } from '../../../test/helpers/elements.ts';
import { hostileText, markdownPage } from '../../../test/helpers/hostile-text.ts';
import { harmless, nightReport, type FieldText } from '../../../test/helpers/night-report.ts';
import { soak } from '../../../test/helpers/soak.ts';
import { oneLine, reportFormats, type ReportFormat } from './escape-text.ts';
import { nightReportSchema } from './night-report.ts';
import { renderReport } from './render-report.ts';

const numRuns = soak ? 3000 : 50;

const templates = Object.fromEntries(
  reportFormats.map((format) => [
    format,
    readFileSync(join(checkout, 'templates/report', `${format}.hbs`), 'utf8'),
  ]),
) as Record<ReportFormat, string>;

function rendered(format: ReportFormat, text: FieldText): string {
  return renderReport(nightReportSchema.parse(nightReport(text)), format, templates[format]);
}

const readers: Record<Exclude<ReportFormat, 'text'>, (text: string) => Page> = {
  markdown: markdownPage,
  html: htmlPage,
  junit: xmlPage,
};
const formats = Object.keys(readers) as (keyof typeof readers)[];
const read = (format: keyof typeof readers, text: FieldText) => readers[format](rendered(format, text));

/** Each field has its own text. A key ends with its field's name, as keys must differ. */
const texts = fc.infiniteStream(hostileText).map((stream): FieldText => {
  const cache = new Map<string, string>();
  return (field, isKey) => {
    const own = cache.get(field) ?? String(stream.next().value);
    cache.set(field, own);
    return isKey ? `${own}${field}` : own;
  };
});

test.each(formats)('%s: no text adds or removes an element', (format) => {
  const expected = read(format, harmless);
  expect(expected.faults).toEqual([]);
  fc.assert(
    fc.property(texts, (text) => {
      const { elements, faults } = read(format, text);
      expect(elements).toEqual(expected.elements);
      expect(faults).toEqual([]);
    }),
    { numRuns },
  );
});

/** A space of no width keeps GitHub from telling users that they are named. */
const seen = (text: string) => oneLine(text).replaceAll('\u200B', '');

test.each(formats)('%s: a text is shown as it is', (format) => {
  const shownField = format === 'junit' ? 'message' : 'title';
  fc.assert(
    fc.property(hostileText, (text) => {
      const shown = read(format, (field) => (field === shownField ? `(${text})` : field)).text;
      expect(seen(shown)).toContain(seen(`(${text})`));
    }),
    { numRuns },
  );
});

test('text: no text adds a line, and none holds what a terminal obeys', () => {
  const expected = rendered('text', harmless).split('\n').length;
  fc.assert(
    fc.property(texts, (text) => {
      const shown = rendered('text', text);
      expect(shown.split('\n')).toHaveLength(expected);
      expect(shown).not.toMatch(/(?!\n)\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/u);
    }),
    { numRuns },
  );
});

test.each(formats)('%s: a blank text changes nothing around it', (format) => {
  const blank: FieldText = (field, isKey) => (isKey ? field : ' \n');
  expect(read(format, blank).elements).toEqual(read(format, harmless).elements);
});

test.each([
  ['<script>', 'markdown', '&lt;script&gt;'],
  ['a|b', 'markdown', 'a&#124;b'],
  ['a\nb', 'markdown', 'a b'],
  ['@root #1', 'markdown', '@\u200Broot \\#\u200B1'],
  ['https://a.b', 'markdown', 'https\\://a.b'],
  ['- 1.2-3.fc43', 'markdown', '\\- 1.2-3.fc43'],
  ['<script>', 'html', '&lt;script&gt;'],
  ['a"b', 'junit', 'a&quot;b'],
  ['a\u0008b', 'junit', 'a\uFFFDb'],
  ['a\u001B[2Jb\nc', 'text', 'a\uFFFD[2Jb c'],
] as const)('%j in %s', (text, format, shown) => {
  expect(rendered(format, (field) => (field === 'message' ? text : field))).toContain(shown);
});

test('the HTML is valid by the standard', async () => {
  const validator = new HtmlValidate({ extends: ['html-validate:standard', 'html-validate:a11y'] });
  for (const text of [harmless, ((field) => `${field} <script> & "|" ]]>`) satisfies FieldText]) {
    const { results } = await validator.validateString(rendered('html', text));
    expect(
      results.flatMap(({ messages }) => messages.map(({ ruleId, line }) => `${ruleId}:${line}`)),
    ).toEqual([]);
  }
});

test('an empty night is a page as well', () => {
  const night = { ...nightReport(harmless), images: [] };
  for (const format of reportFormats) {
    const shown = renderReport(nightReportSchema.parse(night), format, templates[format]);
    expect(shown).toContain(format === 'junit' ? 'tests="0"' : 'no images');
  }
});
