/**
 * Escapes text of others for each format of a report, so that it stays text: a package's changelog can hold `<script>`,
 * `|`, a line break or an escape sequence. The view of a report is escaped as a whole before a template is filled, so no
 * template can forget it.
 */
import { printable } from '../../lib/host/printable.ts';

export const reportFormats = ['markdown', 'html', 'junit', 'text'] as const;
export type ReportFormat = (typeof reportFormats)[number];

export const escapers: Record<ReportFormat, (text: string) => string> = {
  markdown: escapeMarkdown,
  html: (text) => escapeTags(clean(text)),
  junit: (text) => escapeTags(clean(text)),
  text: oneLine,
};

/** Every string of a value; numbers and booleans decide in templates, and are not shown there. */
export function escapeAll<T>(value: T, escape: (text: string) => string): T {
  if (typeof value === 'string') return escape(value) as T;
  if (Array.isArray(value)) return value.map((item: unknown) => escapeAll(item, escape)) as T;
  if (value === null || typeof value !== 'object') return value;
  const entries = Object.entries(value).map(([key, field]) => [key, escapeAll<unknown>(field, escape)]);
  return Object.fromEntries(entries) as T;
}

/** XML 1.0 (2.2) forbids most control characters even as references; HTML calls the noncharacters errors. */
const noncharacters = /\p{Noncharacter_Code_Point}/gu;

function clean(text: string): string {
  return printable(text.replaceAll('\r\n', '\n').toWellFormed()).replaceAll(noncharacters, '\uFFFD');
}

/** A line break would let a text fake a line of the report. */
export function oneLine(text: string): string {
  return clean(text).replaceAll(/\s+/g, ' ').trim();
}

const references: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for attributes in either kind of quotes. */
function escapeTags(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => references[character]!);
}

const zeroWidthSpace = '\u200B';

/**
 * References where readers differ about a backslash: the table extension splits a row at `|` before anything else is
 * read. GitHub tells the users and issues that a page names after it has rendered the page, when no escape is left: a
 * space of no width keeps the name apart from its sign.
 */
const inMarkdown: Record<string, string> = {
  ...references,
  '|': '&#124;',
  '`': '&#96;',
  '\\': '&#92;',
  '@': `@${zeroWidthSpace}`,
  '#': `\\#${zeroWidthSpace}`,
};

/** CommonMark (2.4, 2.5): neither a character reference nor an escaped character is ever markup. */
function escapeMarkdown(text: string): string {
  // A list item without text, behind a line of text, makes that line a heading.
  return (
    (oneLine(text) || '–')
      .replaceAll(/[&<>|`\\@#*_[\]{}~$!^]/g, (character) => inMarkdown[character] ?? `\\${character}`)
      // GitHub's older form of #1.
      .replaceAll(/GH-(?=\d)/gi, (sign) => `${sign}${zeroWidthSpace}`)
      // Signs of lists and headings, at the begin of a text alone.
      .replace(/^[-+=]/, (sign) => `\\${sign}`)
      .replace(/^(\d+)([.)])(?=\s|$)/, (_, digits: string, sign: string) => `${digits}\\${sign}`)
      // GitHub makes links of bare addresses.
      .replaceAll('://', String.raw`\://`)
      .replaceAll(/www\./gi, (address) => `${address.slice(0, -1)}\\.`)
  );
}
