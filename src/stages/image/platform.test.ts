import { expect, test } from 'vitest';
import { fitOf, platformOf, showPlatform } from './platform.ts';

test.each([
  ['x86_64', 'linux/amd64'],
  ['x86_64_v3', 'linux/amd64/v3'],
  ['aarch64', 'linux/arm64'],
  ['ppc64le', 'linux/ppc64le'],
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
  [{ os: 'windows', architecture: 'amd64' }, 'x86_64', undefined],
])('%o for %s: %s', (platform, arch, fit) => {
  expect(fitOf(platform, arch)).toBe(fit);
});
