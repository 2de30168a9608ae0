/** The packages of spec/demo: real specs with their sources beside them. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { inParallel } from './pool.ts';
import { rpmbuild } from './rpmbuild.ts';

/** 2025-01-01, earlier than any checkout: sources' times are clamped to it, so that they do not show. */
export const demoEpoch = 1735689600;
const directory = join(import.meta.dirname, 'demo');

export async function buildDemo(output: string): Promise<void> {
  const specs = (await readdir(directory)).filter((name) => name.endsWith('.spec')).toSorted();
  await inParallel(specs, (name) =>
    rpmbuild({ spec: join(directory, name), sources: directory, epoch: demoEpoch }, output),
  );
}
