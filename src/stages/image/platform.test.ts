import { expect, test } from 'vitest';
import { fitOf, platformOf, readPlatform, showPlatform } from './platform.ts';

test.each([
  ['x86_64', 'linux/amd64'],
  ['x86_64_v3', 'linux/amd64/v3'],
  ['aarch64', 'linux/arm64'],
  ['ppc64le', 'linux/ppc64le'],
  ['i686', 'linux/386'],
])('%s is %s', (arch, shown) => {
  expect(showPlatform({ os: 'linux', ...platformOf(arch) })).toBe(shown);
});

const linux = (architecture: string, variant?: string) => ({ os: 'linux', architecture, variant });

test.each([
  [linux('amd64'), 'x86_64', 1],
  [linux('amd64', 'v1'), 'x86_64', 1],
  [linux('amd64', ''), 'x86_64', 1],
  [linux('amd64', 'v2'), 'x86_64', undefined],
  [linux('amd64', 'v9'), 'x86_64_v4', undefined],
  [linux('amd64'), 'x86_64_v3', 1],
  [linux('amd64', 'v2'), 'x86_64_v3', 2],
  [linux('amd64', 'v4'), 'x86_64_v3', undefined],
  [linux('arm64', 'v8'), 'aarch64', 0],
  [linux('arm64'), 'x86_64', undefined],
  [linux('386'), 'i686', 0],
  [linux('386'), 'x86_64', undefined],
  [linux('amd64'), 'i686', undefined],
  [{ os: 'windows', architecture: 'amd64' }, 'x86_64', undefined],
])('%o for %s: %s', (platform, arch, fit) => {
  expect(fitOf(platform, arch)).toBe(fit);
});

test('the platform is read from a configuration, or there is none', () => {
  const config = { architecture: 'amd64', os: 'linux', variant: 'v2', rootfs: {} };
  const read = (value: unknown) => readPlatform(Buffer.from(JSON.stringify(value)));
  expect(read(config)).toEqual({ architecture: 'amd64', os: 'linux', variant: 'v2' });
  expect(read({ ...config, os: undefined })).toBe(undefined);
  expect(readPlatform(Buffer.from('{'))).toBe(undefined);
});
