/** Rules that say which tags of a repository stay: by their number, by their age, and by a pattern of their names. */
import { z } from 'zod';
import { MillinerError } from '../errors/error.ts';
import { matchesGlob } from '../host/glob.ts';

const hour = 3_600_000;
/** Milliseconds. */
const units: Record<string, number> = { h: hour, d: 24 * hour, w: 7 * 24 * hour };
const ageForm = /^([1-9]\d{0,4})([hdw])$/;
const globForm = /^[\w.*?-]{1,128}$/;

/** Of a release set, too. */
export const retentionRuleSchema = z
  .strictObject({
    tags: z.string().regex(globForm, 'a pattern of tags, such as 43.*'),
    /** The newest so many tags that match stay. */
    keep: z.int().min(1).max(10_000).optional(),
    /** Tags that match and are younger stay. */
    age: z.string().regex(ageForm, 'an age such as 12h, 30d or 8w').optional(),
  })
  // A rule without either would remove every tag that it matches.
  .refine(({ keep, age }) => keep !== undefined || age !== undefined, 'a rule needs keep or age, or both');

export type RetentionRule = z.output<typeof retentionRuleSchema>;

export interface DatedTag {
  tag: string;
  /** Milliseconds since 1970: when the tag got its image. */
  time: number;
}

export type TagVerdict = { stays: true; rule?: RetentionRule } | { stays: false };

const reasonOf = ({ code, path, message }: z.core.$ZodIssue) =>
  code === 'invalid_format' ? `${path.join('.')}: expected ${message}` : [...path, message].join(': ');

/** Reads `GLOB,keep=N,age=30d`, in which keep or age may be absent. Throws USAGE. */
export function parseRule(text: string): RetentionRule {
  const [tags = '', ...limits] = text.split(',');
  const fields = limits.map((limit): [string, unknown] => {
    const [, name = limit, value = ''] = /^(\w+)=(.+)$/.exec(limit) ?? [];
    return [name, name === 'keep' && /^\d+$/.test(value) ? Number(value) : value];
  });
  const isRepeated = new Set(fields.map(([name]) => name)).size < fields.length;
  const { data, error } = retentionRuleSchema.safeParse({ tags, ...Object.fromEntries(fields) });
  if (data && !isRepeated) return data;
  const [issue] = error?.issues ?? [];
  const reason = issue ? reasonOf(issue) : 'a limit is given twice';
  throw new MillinerError('USAGE', `${JSON.stringify(text)} is not a rule: ${reason}`, {
    hint: "Write it as --rule 'GLOB,keep=N,age=30d', with at least one of keep and age.",
  });
}

/**
 * A tag stays if one of the rules that match it keeps it: as one of its newest, or as younger than its age. A tag that no
 * rule matches stays. Of tags with the same time the last by name counts as the newest.
 */
export function judgeTags(
  rules: readonly RetentionRule[],
  tags: readonly DatedTag[],
  now: number,
): Map<string, TagVerdict> {
  const verdicts = new Map<string, TagVerdict>(tags.map(({ tag }) => [tag, { stays: true }]));
  const newestFirst = tags.toSorted((a, b) => b.time - a.time || (a.tag < b.tag ? 1 : -1));
  for (const rule of rules) {
    const matching = newestFirst.filter(({ tag }) => matchesGlob(rule.tags, tag));
    for (const [index, { tag, time }] of matching.entries()) {
      const known = verdicts.get(tag)!;
      if (known.stays && known.rule !== undefined) continue;
      const isKept = index < (rule.keep ?? 0) || now - time < ageOf(rule);
      verdicts.set(tag, isKept ? { stays: true, rule } : { stays: false });
    }
  }
  return verdicts;
}

/** Milliseconds. */
function ageOf({ age }: RetentionRule): number {
  const [, count, unit] = ageForm.exec(age ?? '') ?? [];
  return count === undefined ? -Infinity : Number(count) * units[unit!]!;
}
