import { expect, test } from 'vitest';
import { localName, localNameIn, splitName } from './local-name.ts';

test('a name without a tag means latest, in the form of its kind', () => {
  expect(localName('demo-base')).toBe('demo-base');
  expect(localName('demo-base:latest')).toBe('demo-base');
  expect(localName('demo-base:tested')).toBe('demo-base:tested');
  expect(localName('registry.example.com/base')).toBe('registry.example.com/base:latest');
  expect(localName('localhost:5000/base:43')).toBe('localhost:5000/base:43');
});

test('what is no name is refused', () => {
  for (const text of ['', 'a b', 'demo/base', '../x', 'hat@3', 'x:', `a:${'b'.repeat(129)}`])
    expect(localNameIn(text)).toBeUndefined();
});

test('a list has name and tag apart', () => {
  expect(splitName('hat')).toEqual({ repository: 'hat', tag: 'latest' });
  expect(splitName('hat:1')).toEqual({ repository: 'hat', tag: '1' });
  expect(splitName('localhost:5000/hat:1')).toEqual({ repository: 'localhost:5000/hat', tag: '1' });
});
