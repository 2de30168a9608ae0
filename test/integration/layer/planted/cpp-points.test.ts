import { describe, expect, test } from 'vitest';
import { cppPointsOf, refusing } from './cpp-points.ts';

const points = (code: string, refusals: string[] = []) => cppPointsOf('a.cc', code, new Set(refusals));
/** The code with each fault, one at a time. */
const faulty = (code: string, refusals?: string[]) =>
  points(code, refusals).map(
    ({ start, end, replacement }) => code.slice(0, start) + replacement + code.slice(end),
  );
/** Of a function's only statement. */
const body = (statement: string) => faulty(`void F() { ${statement} }`).map((code) => code.slice(11, -2));

describe('operators', () => {
  test.each([
    ['==', '!='],
    ['!=', '=='],
    ['<', '<='],
    ['>=', '>'],
    ['+', '-'],
    ['%', '+'],
    ['&', '|'],
    ['^', '|'],
    ['>>', '<<'],
    ['&&', '||'],
  ])('%s becomes %s', (sign, other) => {
    expect(body(`return a ${sign} b;`)).toEqual([`return a ${other} b;`]);
  });
  test('of assignments, counts and negations', () => {
    expect(body('a += b;')).toEqual([';', 'a -= b;']);
    expect(body('++a;')).toEqual([';', '--a;']);
    expect(body('return !a;')).toEqual(['return a;']);
    expect(body('return -a;')).toEqual(['return a;']);
  });
  test('none in types, pointers and references', () => {
    expect(body('const std::vector<char>& a = *b;')).toEqual([]);
    expect(body('T&& a = Take<T*>(&b);')).toEqual([]);
  });
});

describe('literals', () => {
  test.each([
    ['0x1ff', '(0x1ff + 1)'],
    ['1u', '(1u + 1)'],
    ['true', 'false'],
    ["'a'", "'x'"],
    ["'x'", "'y'"],
    [String.raw`'\0'`, "'x'"],
    ['"abc"', '"abx"'],
    ['""', '"x"'],
    [String.raw`"a\n"`, String.raw`"a\nx"`],
    [String.raw`"\":"`, String.raw`"\"x"`],
  ])('%s becomes %s', (literal, other) => {
    expect(body(`return ${literal};`)).toEqual([`return ${other};`]);
  });
});

test('the branches of a condition are swapped', () => {
  expect(body('return a ? b : c;')).toEqual(['return ((a) ? (c) : (b));']);
});

test('statements are removed, declarations are not', () => {
  expect(body('if (a) Go(b);')).toEqual(['if (a) ;']);
  expect(body('for (;;) continue;')).toEqual(['for (;;) ;']);
  expect(body('Reader from(bytes, length);')).toEqual([]);
});

test('nothing in comments and directives', () => {
  expect(faulty('#include "a.h"\n#define A 1 + 1\n// a + b == 1\n/* !a */\n')).toEqual([]);
});

test('nothing in what is said when the work has failed', () => {
  const definition = '[[noreturn]] inline void Refuse(std::string why) { throw Failure{"a" + why}; }';
  expect(refusing(`int A(); ${definition} [[noreturn]] void Stop(int);`)).toEqual(['Refuse', 'Stop']);
  expect(faulty(definition)).toEqual([]);
  expect(faulty('void F() { if (a < 1) Refuse("b" + c); throw D("e"); }', ['Refuse'])).toEqual([
    'void F() { if (a <= 1) Refuse("b" + c); throw D("e"); }',
    'void F() { if (a < (1 + 1)) Refuse("b" + c); throw D("e"); }',
  ]);
});

test('a point is named by its place', () => {
  const code = 'int A() {\n  return a\n    + b;\n}\n';
  expect(points(code)).toEqual([
    { name: 'a.cc:3:5 + to -', file: 'a.cc', start: 25, end: 26, replacement: '-', what: '+ to -' },
  ]);
});
