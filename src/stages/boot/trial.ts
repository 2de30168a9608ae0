/** Whether something that isolates instances works on this host: found by starting one, of a tree with one program. */
import { chown, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { takeIdRange } from '../../lib/container/id-range.ts';
import type { Isolator } from '../../lib/container/isolator.ts';
import type { Container } from '../../lib/container/runtime.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { enterPath } from '../../lib/host/native.ts';
import { ContainerInstance } from './container-instance.ts';

/** Bytes and processes: enough for one that ends at once. */
const limits = { memory: 64 << 20, pids: 64, disk: 1 << 30 };
const image = { env: {}, exposedPorts: [], volumes: [], labels: {}, entrypoint: ['/enter', 'trial'] };
const patience = 20_000;

/**
 * Undefined if it works, otherwise the reason.
 * @param place as an instance's: the caller removes what is left there
 */
export async function trialProblem(
  isolator: Isolator,
  place: Container & { hasIds: boolean },
): Promise<string | undefined> {
  const range = place.hasIds ? await takeIdRange() : undefined;
  try {
    return await startTrial(isolator, place, range?.ids);
  } catch (error) {
    return (error as Error).message;
  } finally {
    await range?.release();
  }
}

async function startTrial(isolator: Isolator, place: Container, ids: IdRange | undefined) {
  const rootfs = join(place.directory, 'tree');
  await mkdir(rootfs, { recursive: true, mode: 0o755 });
  await copyFile(enterPath, join(rootfs, 'enter'));
  if (ids) await chown(rootfs, ids.start, ids.start);
  const lines: string[] = [];
  const options = { ...place, rootfs, ids, image, init: false, hostname: 'trial', limits };
  const instance = await ContainerInstance.start(
    { ...options, onLine: (line) => lines.push(line) },
    isolator,
  );
  try {
    const late = new AbortController();
    const ended = await Promise.race([instance.ended, sleep(patience, undefined, { signal: late.signal })]);
    late.abort();
    if (ended?.exitCode === 0) return undefined;
    return `a program in it ${ended ? `exited with ${ended.exitCode}` : 'did not end'} ${lines.join(' ')}`.trim();
  } finally {
    await instance.kill();
    await instance.remove();
  }
}
