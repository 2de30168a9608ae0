import { expect, test } from 'vitest';
import type { ByteString } from '../../lib/host/paths.ts';
import { pathText } from './sbom-files.ts';

test.each([
  ['usr/bin/bash', 'usr/bin/bash'],
  ['caf\u00C3\u00A9/\u00F0\u009F\u0098\u0080', 'caf\u00E9/\u{1F600}'],
  ['caf\u00E9', 'caf%E9'],
  ['\u00EA\u00C3\u00A9', '%EA\u00E9'],
  // A surrogate, an overlong form and half a character are none.
  ['\u00ED\u00A0\u0080', '%ED%A0%80'],
  ['\u00C0\u00AF', '%C0%AF'],
  ['a\u00E2\u0082', 'a%E2%82'],
])('a path of bytes as text: %j', (bytes, text) => {
  expect(pathText(bytes as ByteString)).toBe(text);
});
