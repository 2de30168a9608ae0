import { expect, test } from 'vitest';
import { uploadsUrl } from './connect.ts';

test.each([
  ['https://api.github.com', 'https://uploads.github.com'],
  ['https://api.hats.ghe.com', 'https://uploads.hats.ghe.com'],
  ['https://github.example.com/api/v3', 'https://github.example.com/api/uploads'],
  ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
])('files of releases at %s go to %s', (api, uploads) => {
  expect(uploadsUrl(api)).toBe(uploads);
});
