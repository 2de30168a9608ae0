import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sense } from './dependencies.ts';
import { compareNevra, dependencyMatches } from './evr.ts';
import { compareEvr, parseEvr, rpmvercmp } from './version-order.ts';

test.each([
  ['1.0', '1.0', 0],
  ['1.0', '1.00', 0],
  ['1.0', '1_0', 0],
  ['1.10', '1.9', 1],
  ['1.0', '1', 1],
  ['1.0a', '1.0', 1],
  ['a', '1', -1],
  ['1.0~rc1', '1.0', -1],
  ['1.0~rc1', '1.0~rc2', -1],
  ['1.0~rc1~git1', '1.0~rc1', -1],
  ['1.0^', '1.0', 1],
  ['1.0^git1', '1.01', -1],
  ['1.0^20160101', '1.0.1', -1],
  ['1.0~rc1^git1', '1.0~rc1', 1],
  ['1.0^git1~pre', '1.0^git1', -1],
  ['20101121', '20101122', -1],
  ['99999999999999999999', '100000000000000000000', -1],
  ['0001', '1', 0],
  ['', '', 0],
] as const)('rpmvercmp %s %s', (a, b, expected) => {
  expect(rpmvercmp(a, b)).toBe(expected);
  expect(rpmvercmp(b, a)).toBe(expected === 0 ? 0 : -expected);
});

const versions = fc.string({
  unit: fc.constantFrom('0', '1', '2', '9', 'a', 'b', 'z', '~', '^', '.', '_', '+'),
  maxLength: 8,
});

test('rpmvercmp is antisymmetric and total', () => {
  fc.assert(
    fc.property(versions, versions, (a, b) => {
      expect(rpmvercmp(a, b) + rpmvercmp(b, a)).toBe(0);
      expect(rpmvercmp(a, a)).toBe(0);
    }),
  );
});

test('sorting by NEVRA does not depend on the order given', () => {
  const nevra = fc.record({
    name: fc.constantFrom('a', 'b'),
    epoch: fc.nat(1),
    version: fc.constantFrom('1', '1.0', '1_0', '1~a', '1^b', '01'),
    release: fc.constantFrom('1', '2'),
    arch: fc.constantFrom('noarch', 'x86_64'),
  });
  fc.assert(
    fc.property(fc.array(nevra), (list) => {
      expect(list.toReversed().toSorted(compareNevra)).toEqual(list.toSorted(compareNevra));
    }),
  );
});

test('EVR is split at the first colon after digits and the last dash', () => {
  expect(parseEvr('2:1.0-3')).toEqual({ epoch: '2', version: '1.0', release: '3' });
  expect(parseEvr('1.0-rc-3')).toEqual({ version: '1.0-rc', release: '3' });
  expect(parseEvr(':1')).toEqual({ epoch: '0', version: '1' });
  expect(parseEvr('a:1')).toEqual({ version: 'a:1' });
  expect(compareEvr(parseEvr('1:1'), parseEvr('2'))).toBe(1);
  expect(compareEvr(parseEvr('0:1'), parseEvr('1'))).toBe(0);
});

const operators: Record<string, number> = {
  '<': sense.less,
  '<=': sense.less | sense.equal,
  '=': sense.equal,
  '>=': sense.greater | sense.equal,
  '>': sense.greater,
};

function dependency(text: string) {
  const [name = '', operator = '', version = ''] = text.split(' ');
  return { name, flags: operators[operator] ?? 0, version };
}

test.each([
  ['a', 'b', false],
  ['a', 'a', true],
  ['a', 'a >= 1', true],
  ['a = 1', 'a', true],
  ['a = 1.2', 'a > 1.2', false],
  ['a = 1.2', 'a >= 1.2', true],
  ['a = 1.2-3', 'a = 1.2', true],
  ['a = 1.2-3', 'a > 1.2', false],
  ['a = 1.2', 'a = 1.2-3', true],
  ['a = 1.2-3', 'a = 1.2-4', false],
  ['a < 2', 'a > 1', true],
  ['a < 1', 'a > 1', false],
  ['a > 3', 'a >= 1', true],
  ['a = 1:1', 'a = 1', false],
  ['a = 0:1', 'a = 1', true],
  ['a = 1~rc', 'a < 1', true],
] as const)('provide %s, require %s', (provided, required, expected) => {
  expect(dependencyMatches(dependency(provided), dependency(required))).toBe(expected);
});
