import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesGlob } from '../host/glob.ts';
import { judgeTags, parseRule, type DatedTag, type RetentionRule } from './retention-rule.ts';

const day = 86_400_000;

test.each<[string, RetentionRule]>([
  ['43.*,keep=14', { tags: '43.*', keep: 14 }],
  ['43.*,age=30d', { tags: '43.*', age: '30d' }],
  ['*,age=8w,keep=1', { tags: '*', age: '8w', keep: 1 }],
])('%s is a rule', (text, rule) => {
  expect(parseRule(text)).toEqual(rule);
});

test.each([
  '',
  '43.*',
  '43.*,keep=0',
  '43.*,keep=-1',
  '43.*,keep=1.5',
  '43.*,keep=x',
  '43.*,keep=',
  '43.*,keep=1,keep=2',
  '43.*,age=0d',
  '43.*,age=30',
  '43.*,age=30m',
  '43.*,days=3',
  '43 *,keep=1',
  '[ab],keep=1',
  'a/b,keep=1',
  ',keep=1',
  '43.*,keep=1,__proto__=1',
])('%j is no rule', (text) => {
  expect(() => parseRule(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

test('a tag stays by number, by age, by another rule, or because no rule matches it', () => {
  const now = 100 * day;
  const tags = [1, 2, 3, 4, 5].map((age) => ({ tag: `43.${age}`, time: now - age * day }));
  const other = { tag: 'latest', time: 0 };
  const stays = (...rules: string[]) =>
    [...judgeTags(rules.map(parseRule), [...tags, other], now)]
      .filter(([, verdict]) => verdict.stays)
      .map(([tag]) => tag);
  expect(stays('43.*,keep=2')).toEqual(['43.1', '43.2', 'latest']);
  expect(stays('43.*,age=3d')).toEqual(['43.1', '43.2', 'latest']);
  expect(stays('43.*,keep=1,age=4d')).toEqual(['43.1', '43.2', '43.3', 'latest']);
  expect(stays('43.*,keep=1', '43.4,keep=1')).toEqual(['43.1', '43.4', 'latest']);
  expect(stays('*,keep=1')).toEqual(['43.1']);
  expect(stays()).toHaveLength(6);
});

const name = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 6 });
const glob = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*', '?'), minLength: 1, maxLength: 6 });

test('a pattern matches as the regular expression does that it stands for', () => {
  const oracle = (pattern: string) =>
    new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`);
  fc.assert(
    fc.property(glob, name, (pattern, text) => {
      expect(matchesGlob(pattern, text)).toBe(oracle(pattern).test(text));
    }),
  );
});

const rule = fc.record(
  { tags: glob, keep: fc.integer({ min: 1, max: 4 }), age: fc.constantFrom('1d', '2d', '1w') },
  { requiredKeys: ['tags', 'keep'] },
);
const datedTags = fc.uniqueArray(fc.record({ tag: name, time: fc.nat(10).map((days) => days * day) }), {
  selector: ({ tag }) => tag,
});

/** For each tag alone, from the words of the documentation. */
function staysByWords(
  rules: readonly RetentionRule[],
  tags: readonly DatedTag[],
  one: DatedTag,
  now: number,
) {
  const matching = rules.filter((each) => matchesGlob(each.tags, one.tag));
  if (matching.length === 0) return true;
  return matching.some(({ tags: pattern, keep = 0, age }) => {
    const newer = tags.filter(
      ({ tag, time }) =>
        matchesGlob(pattern, tag) && (time > one.time || (time === one.time && tag > one.tag)),
    );
    const days = { '1d': 1, '2d': 2, '1w': 7 }[age ?? ''];
    return newer.length < keep || (days !== undefined && now - one.time < days * day);
  });
}

test('random rules keep what their words say, in any order of rules and tags', () => {
  fc.assert(
    fc.property(fc.array(rule, { maxLength: 4 }), datedTags, (rules, tags) => {
      const now = 10 * day;
      const verdicts = judgeTags(rules, tags, now);
      const turned = judgeTags(rules.toReversed(), tags.toReversed(), now);
      for (const one of tags) {
        const expected = staysByWords(rules, tags, one, now);
        expect(verdicts.get(one.tag)!.stays).toBe(expected);
        expect(turned.get(one.tag)!.stays).toBe(expected);
      }
    }),
  );
});
