/** The schema of release sets (milliner.yaml); set.schema.json is generated from it for editors. */
import { z } from 'zod';
import { arches } from '../../lib/host/arch.ts';
import { retentionRuleSchema } from '../../lib/registry/retention-rule.ts';
import { githubSchema } from './github-schema.ts';

const word = z.string().min(1).max(4096);
export const setName = z
  .string()
  .max(128)
  .regex(
    /^[a-z0-9]+(?:[._-][a-z0-9]+)*$/,
    'a name of lower-case letters and digits, with single . _ - between them',
  );
/** Becomes a file name or a path beside the set. */
const place = word.regex(/^[^\0]+$/, 'a path');

const template = word.refine((text) => hasOnly(text, ['name', 'release', 'date', 'arch']), {
  error: 'it takes {{name}}, {{release}}, {{date}} and {{arch}} alone',
});

/** Whether a text has no other braces than those of these names. */
function hasOnly(text: string, names: readonly string[]): boolean {
  return !/[{}]{2}/.test(
    text.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (all, name) => (names.includes(name) ? '' : all)),
  );
}

const publish = z.strictObject({
  to: z.array(template).min(1).max(32),
  tags: z.array(template).min(1).max(32),
});
const update = z.enum(['all', 'security', 'none']);
/** Packages that do not move, by name or by the name of their source. */
const hold = z.array(word.max(256)).max(1000);
const quarantine = z.strictObject({ after: z.int().min(1).max(1000) });

/** A recipe of the set; what it says replaces what the set says, and its holds come beside those of the set. */
const member = z.strictObject({
  recipe: place,
  update: update.optional(),
  hold: hold.optional(),
  publish: publish.optional(),
  quarantine: quarantine.optional(),
});

const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 7],
] as const;

/** Minute, hour, day, month and weekday in numbers: lists, ranges and steps. */
function isCron(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  return (
    fields.length === ranges.length && fields.every((field, index) => isCronField(field, ranges[index]!))
  );
}

function isCronField(field: string, [min, max]: readonly [number, number]): boolean {
  return field.split(',').every((part) => {
    const [, range, first, last, step] = /^(\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [];
    if (range === undefined || (step !== undefined && (Number(step) < 1 || Number(step) > max))) return false;
    if (range === '*') return true;
    const [from, to] = [Number(first), Number(last ?? first)];
    return min <= from && from <= to && to <= max;
  });
}

export const cronPattern = z.string().max(256).refine(isCron, {
  error: 'expected minute, hour, day, month and weekday in numbers (UTC), such as 30 2 * * *',
});

const toFile = z.strictObject({
  format: z.enum(['markdown', 'html', 'junit', 'text']),
  file: place.refine((file) => hasOnly(file, ['date']), { error: 'it takes {{date}} alone' }),
});
const toWebhook = z.strictObject({
  format: z.literal('json'),
  webhook: z
    .url({ protocol: /^https?$/, error: 'an http or https URL' })
    .max(4096)
    .refine((url) => !/\/\/[^/]*@/.test(url), { error: 'the URL has a user or password in it' }),
  secret: place,
});

export const setSchema = z.strictObject({
  $schema: z.string().optional(),
  name: setName,
  recipes: z
    .array(z.union([place.transform((recipe): z.output<typeof member> => ({ recipe })), member]))
    .min(1)
    .max(10_000),
  arches: z.array(z.enum(arches)).min(1).optional(),
  publish: publish.optional(),
  key: place,
  update: update.default('all'),
  hold: hold.default([]),
  quarantine: quarantine.optional(),
  schedule: cronPattern.optional(),
  retention: z.array(retentionRuleSchema).max(1000).default([]),
  reports: z
    .array(z.union([toFile, toWebhook]))
    .max(100)
    .default([]),
  github: githubSchema.optional(),
});

export type ReleaseSet = z.output<typeof setSchema>;
export type Publish = z.output<typeof publish>;
export type UpdatePolicy = z.output<typeof update>;
