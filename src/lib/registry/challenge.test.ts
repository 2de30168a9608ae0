import { expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';

const bearer = {
  scheme: 'bearer',
  parameters: { realm: 'https://a.example/token', service: 'r', scope: 'repository:a:pull,push' },
};

test.each([
  ['Bearer realm="https://a.example/token",service="r",scope="repository:a:pull,push"', [bearer]],
  ['bearer realm="https://a.example/token" , service=r, scope="repository:a:pull,push"', [bearer]],
  [
    'Basic realm="a \\"b\\"", Bearer realm="https://a.example/token",service="r",scope="repository:a:pull,push"',
    [{ scheme: 'basic', parameters: { realm: 'a "b"' } }, bearer],
  ],
  [
    ['Negotiate', 'Basic realm=a'],
    [
      { scheme: 'negotiate', parameters: {} },
      { scheme: 'basic', parameters: { realm: 'a' } },
    ],
  ],
  ['', []],
  ['"', []],
  ['Bearer realm="unended', [{ scheme: 'bearer', parameters: {} }]],
  [undefined, []],
])('%j', (header, expected) => {
  const found = parseChallenges(header);
  expect(found.slice(0, expected.length)).toEqual(expected);
});
