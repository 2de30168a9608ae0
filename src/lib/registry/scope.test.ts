import { expect, test } from 'vitest';
import { mergeScopes } from './scope.ts';

test.each([
  ['repository:a:pull', '', 'repository:a:pull'],
  ['repository:a:pull', 'repository:a:push', 'repository:a:pull,push'],
  ['repository:a:pull,push', 'repository:a:pull', 'repository:a:pull,push'],
  ['repository:a:pull repository:b:pull', 'repository:b:pull', 'repository:a:pull repository:b:pull'],
  ['repository:a:pull', 'registry:catalog:*', 'repository:a:pull registry:catalog:*'],
  [
    'repository:a:pull',
    'repository(plugin):h:5000/b:pull',
    'repository:a:pull repository(plugin):h:5000/b:pull',
  ],
  ['repository:a:pull', 'a=b&c pull ::', 'repository:a:pull'],
])('%s and %s', (ours, theirs, both) => {
  expect(mergeScopes(ours, theirs)).toBe(both);
});

test('what is no scope is found out at once, however many slashes it has', () => {
  const long = `repository:${'a/'.repeat(2000)}a:READ`;
  expect(mergeScopes('repository:a:pull', long)).toBe('repository:a:pull');
});

test('no registry makes us ask for more than a URL holds', () => {
  const many = Array.from({ length: 1000 }, (_, one) => `repository:r${one}:pull`).join(' ');
  expect(mergeScopes('repository:a:pull', many).split(' ')).toHaveLength(20);
});
