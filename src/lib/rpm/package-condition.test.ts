import fc from 'fast-check';
import { expect, test } from 'vitest';
import { meetsCondition } from './package-condition.ts';
import { parseCondition } from './parse-condition.ts';
import { parseNevra } from './package.ts';

const of = (nevra: string) => parseNevra(nevra)!;

test.each([
  ['openssl', { name: 'openssl' }],
  ['openssl < 3.2.4', { name: 'openssl', comparison: { operator: '<', evr: { version: '3.2.4' } } }],
  ['openssl<3.2.4', { name: 'openssl', comparison: { operator: '<', evr: { version: '3.2.4' } } }],
  [
    '  gtk+ >= 1:3.2.4-5.fc43 ',
    {
      name: 'gtk+',
      comparison: { operator: '>=', evr: { epoch: '1', version: '3.2.4', release: '5.fc43' } },
    },
  ],
  ['a == 1~rc1', { name: 'a', comparison: { operator: '=', evr: { version: '1~rc1' } } }],
] as const)('%s', (text, condition) => {
  expect(parseCondition(text)).toEqual(condition);
});

test.each([
  '',
  ' ',
  '< 1',
  'a <',
  'a < ',
  'a < 1 2',
  'a b',
  'a <> 1',
  'a != 1',
  'a < 1-2-3',
  'a < -1',
  'a < x:1',
  '-a',
])('%j is no condition', (text) => {
  expect(() => parseCondition(text)).toThrow(expect.objectContaining({ code: 'USAGE' }));
});

test.each([
  ['openssl-3.2.3-1.fc43.x86_64', 'openssl < 3.2.4', true],
  ['openssl-1:3.2.3-1.fc43.x86_64', 'openssl < 3.2.4', true],
  ['openssl-1:3.2.3-1.fc43.x86_64', 'openssl < 0:3.2.4', false],
  ['openssl-1:3.2.4-1.fc43.x86_64', 'openssl < 3.2.4', false],
  ['openssl-1:3.2.4-1.fc43.x86_64', 'openssl <= 3.2.4', true],
  ['openssl-1:3.2.4-1.fc43.x86_64', 'openssl = 3.2.4', true],
  ['openssl-1:3.2.4-1.fc43.x86_64', 'openssl = 3.2.4-2.fc43', false],
  ['openssl-1:3.2.4-1.fc43.x86_64', 'openssl < 3.2.4-2.fc43', true],
  ['openssl-3.2.4~beta1-1.x86_64', 'openssl < 3.2.4', true],
  ['openssl-3.2.4^git1-1.x86_64', 'openssl > 3.2.4', true],
  ['openssl-3.10-1.x86_64', 'openssl > 3.9', true],
  ['openssl-libs-3.2.3-1.x86_64', 'openssl', false],
] as const)('%s, %s: %s', (nevra, condition, expected) => {
  expect(meetsCondition(of(nevra), parseCondition(condition))).toBe(expected);
});

const word = fc.string({
  unit: fc.constantFrom('0', '1', '2', 'a', 'b', '.', '~', '^', '+'),
  minLength: 1,
  maxLength: 6,
});

test('of <, = and > one holds; <= and >= are what their signs say', () => {
  fc.assert(
    fc.property(word, word, word, word, fc.nat(2), fc.nat(2), (version, release, v, r, epoch, e) => {
      const one = { name: 'a', epoch, version, release, arch: 'noarch' };
      const meets = (operator: string) => meetsCondition(one, parseCondition(`a ${operator} ${e}:${v}-${r}`));
      expect([meets('<'), meets('='), meets('>')].filter(Boolean)).toHaveLength(1);
      expect(meets('<=')).toBe(meets('<') || meets('='));
      expect(meets('>=')).toBe(meets('>') || meets('='));
    }),
  );
});
