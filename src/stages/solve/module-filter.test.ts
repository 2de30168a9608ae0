import { expect, test } from 'vitest';
import type { ModuleStream } from '../repo/modules.ts';
import { moduleFilter } from './module-filter.ts';

const build = (stream: string, arch: string): ModuleStream => ({
  name: 'nodejs',
  stream,
  version: 1n,
  context: 'c',
  arch,
  requires: [],
  artifacts: [`nodejs-0:${stream}-1.${arch}`],
});

const streams = [
  build('20', 'x86_64'),
  build('20', 'x86_64_v2'),
  build('22', 'x86_64'),
  build('22', 'aarch64'),
];

test.each([
  ['x86_64', ['nodejs-0:20-1.x86_64'], ['nodejs-0:22-1.x86_64']],
  ['x86_64_v2', ['nodejs-0:20-1.x86_64_v2'], ['nodejs-0:22-1.x86_64']],
  ['x86_64_v3', ['nodejs-0:20-1.x86_64_v2'], ['nodejs-0:22-1.x86_64']],
  ['aarch64', [], ['nodejs-0:22-1.aarch64']],
])('builds for %s: its own, and where a stream has none those of the level below', (arch, shown, hidden) => {
  const filter = moduleFilter([{ streams, defaults: new Map([['nodejs', '20']]) }], [], arch);
  expect(filter.shown).toEqual(shown);
  expect(filter.hidden).toEqual(hidden);
});
