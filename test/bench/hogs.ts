/** Instances whose programs take what they can (hog.c of the integration tests). */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningInstance } from '../../src/pipeline/instance/instance-records.ts';
import type { Desk } from '../helpers/milliner.ts';

export interface Hogged {
  desk: Desk;
  id: string;
  container: string;
  /** By the port of the instance. */
  ports: ReadonlyMap<number, number>;
  exec(...args: string[]): Promise<{ exitCode: number | undefined; stdout: string }>;
}

export function hogged(desk: Desk, { id, container, ports }: RunningInstance): Hogged {
  return {
    desk,
    id,
    container,
    ports: new Map(ports.map(({ instancePort, hostPort }) => [instancePort, hostPort])),
    exec: async (...args) => {
      const { exitCode, stdout } = await desk.start(['exec', id, '--', ...args]);
      return { exitCode, stdout };
    },
  };
}

/** Runs fn with one instance of an image, which is gone at the end. */
export async function started(
  desk: Desk,
  { image, backend }: { image: string; backend: string },
  fn: (instance: Hogged) => Promise<number>,
): Promise<number> {
  const publish = ['80', '81', '82', '83/udp'].flatMap((port) => ['--publish', port]);
  const { instances } = await desk.json<{ instances: RunningInstance[] }>([
    'run',
    image,
    '--detach',
    '--backend',
    backend,
    ...publish,
  ]);
  try {
    return await fn(hogged(desk, instances[0]!));
  } finally {
    await desk.run(['stop', '--all']);
    // A hog that is still held up by its limits takes its time to go.
    await sleep(200);
  }
}

export function startHog({ desk, id }: Pick<Hogged, 'desk' | 'id'>, ...args: string[]) {
  const child = desk.start(['exec', id, '--', '/hog', ...args]);
  const begun = new Promise<void>((done) => {
    child.stdout.once('data', () => done());
    void child.then(() => done());
  });
  // In an object, because the child is also a promise.
  return { child, begun };
}
