import { expect, test } from 'vitest';
import { isSameOwner } from './token-server.ts';

test.each([
  ['https://auth.example.com/token', 'https://auth.example.com/v2/token', true],
  ['https://auth.example.com/token', 'https://login.example.com/token', true],
  ['https://auth.example.co.uk/token', 'https://other.co.uk/token', false],
  ['https://one.github.io/token', 'https://two.github.io/token', false],
  ['https://auth.example.com/token', 'https://example.com.evil.org/token', false],
  ['http://127.0.0.1:5000/token', 'http://127.0.0.1:5001/token', false],
  ['http://localhost:5000/token', 'http://localhost:5000/other', true],
  ['https://registry/token', 'https://other/token', false],
])('%s and %s', (one, other, same) => {
  expect(isSameOwner(new URL(one), new URL(other))).toBe(same);
});
