import { expect, test } from 'vitest';
import { shownText, shownValue } from './shown-text.ts';

const pem = '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA\n-----END PRIVATE KEY-----';

test.each([
  ['https://user:secret@host/path', 'secret'],
  ['redis://:secret@host:6379', 'secret'],
  ['get https://a:one@b/ and https://c:secret@d/', 'secret'],
  ['Authorization: Bearer secret-of-somebody', 'secret-of'],
  ['{"authorization":"Basic c2VjcmV0OnNlY3JldA=="}', 'c2VjcmV0'],
  ['MILLINER_KEY_PASSWORD=secret-of-the-key', 'secret-of'],
  ['token: secret-of-somebody', 'secret-of'],
  [`pushed with ghp_${'a1'.repeat(18)}`, 'a1a1'],
  [`a github_pat_${'b2'.repeat(20)} in a line`, 'b2b2'],
  [pem, 'MC4CAQ'],
])('%j is masked', (text, secret) => {
  expect(shownText(text)).not.toContain(secret);
  expect(shownText(text)).toContain('***');
  expect(JSON.stringify(shownValue({ log: [text] }))).not.toContain(secret);
});

test.each([
  'registry.example.com/hat@sha256:0123456789abcdef',
  'https://example.com/repo/x86_64/Packages/h/hat-1.0-1.noarch.rpm',
  '2026-11-30T00:00:00.000Z installs passwd-0.80-14.fc41.x86_64',
  'user root@host',
])('%j stays as it is', (text) => {
  expect(shownText(text)).toBe(text);
});

test('characters that reorder text or move the cursor do not get to a page, and a long text is cut', () => {
  expect(shownText('a\u202Eb\u001B[31mc\u0000')).toBe('a\uFFFDb\uFFFD[31mc\uFFFD');
  expect(shownText('\uD800')).toBe('\uFFFD');
  expect(shownText('x'.repeat(3000))).toHaveLength(2001);
});

test('a value keeps its shape, and ends where it is deeper than any of ours', () => {
  const value = { 'a\u202E': [1, null, true, 'x\u0007'] };
  expect(shownValue(value)).toEqual({ 'a\uFFFD': [1, null, true, 'x\uFFFD'] });
  let deep: unknown = 'end';
  for (let depth = 0; depth < 5000; depth++) deep = [deep];
  expect(JSON.stringify(shownValue(deep))).toContain('…');
});
