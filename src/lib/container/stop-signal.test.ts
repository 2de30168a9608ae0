import { expect, test } from 'vitest';
import { canonicalSignal } from './stop-signal.ts';

test.each([
  ['SIGTERM', 'SIGTERM'],
  ['TERM', 'SIGTERM'],
  ['term', 'SIGTERM'],
  ['15', 'SIGTERM'],
  ['SIGRTMIN+3', 'SIGRTMIN+3'],
  ['RTMIN+3', 'SIGRTMIN+3'],
  ['sigrtmin+3', 'SIGRTMIN+3'],
  ['37', 'SIGRTMIN+3'],
  ['SIGRTMAX-27', 'SIGRTMIN+3'],
  ['SIGRTMIN', 'SIGRTMIN'],
  ['SIGHAT', undefined],
  ['SIGTERM+1', undefined],
  ['SIGRTMIN-1', undefined],
  ['SIGRTMIN+31', undefined],
  ['0', undefined],
  ['65', undefined],
  ['99999999999999999999', undefined],
  ['', undefined],
  ['constructor', undefined],
])('%s is %s', (text, name) => {
  expect(canonicalSignal(text)).toBe(name);
});
