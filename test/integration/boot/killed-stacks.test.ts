/**
 * Stacks and ways out of which a part is killed: what is left ends as it is asked to, or the next command removes it, and
 * the volumes are free. The points in time come from a seed.
 */
import { randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runDirectoryOf } from '../../../src/lib/container/run-directory.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { unmountAllBelow } from '../../../src/lib/host/mounts.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import { Desk } from '../../helpers/milliner.ts';
import { generator, pick } from '../../helpers/random.ts';
import { descendantsOf, livingOf, remains, type Process } from '../../helpers/remains.ts';
import { backendOfDay, shareOfDay, soak } from '../../helpers/soak.ts';
import { buildTinyStack, tinyStack, writeStack } from '../../helpers/tiny-stack.ts';

const seed = Number(process.env['MILLINER_SEED'] ?? randomInt(2 ** 31));
const random = generator(seed);
const backends = soak ? ['runc', 'crun', 'nspawn', 'machine'] : [backendOfDay];

let desk: Desk;
/** Milliseconds that a boot takes here. */
let duration: number;

beforeAll(async () => {
  desk = await Desk.open();
  await buildTinyStack(desk);
  await writeStack(desk, 'hats', tinyStack);
  const config = {
    entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
    stopSignal: 'SIGTERM',
  };
  const plan = { init: false, network: 'egress', egress: [{ host: '192.0.2.1', port: 80 }] };
  await desk.build(await desk.tiny('goes-out', ['tiny-base'], { config, test: plan }));
  const began = Date.now();
  await desk.json(['boot', 'hats.stack', '--backend', backendOfDay]);
  duration = Date.now() - began;
});
afterEach(async () => {
  await desk.run(['stop', '--all']);
  expect(await remains(desk)).toEqual([]);
});
afterAll(async () => {
  await unmountAllBelow(desk.state, { detach: true });
  await desk.remove();
});

/** Stops it first, so that what it has started by then is known. */
async function kill(pid: number): Promise<Process[]> {
  try {
    process.kill(pid, 'SIGSTOP');
    const seen = await descendantsOf(pid);
    process.kill(pid, 'SIGKILL');
    return seen;
  } catch {
    return [];
  }
}

async function isCleared(seen: Process[]): Promise<void> {
  expect(await desk.json(['ps'])).toEqual({ instances: [] });
  expect(await livingOf(seen)).toEqual([]);
  expect(await remains(desk)).toEqual([]);
  const { volumes } = await desk.json<{ volumes: { stack: string; name: string }[] }>(['volume', 'list']);
  for (const { stack, name } of volumes) await desk.json(['volume', 'remove', `${stack}.${name}`]);
}

const start = async (what: string, backend: string) => {
  const args = ['run', what, '--detach', '--backend', backend];
  return (await desk.json<{ instances: RunningInstance[] }>(args)).instances;
};

/** What the supervisor has started whose command line has this word. */
async function startedBy(supervisor: number, word: string): Promise<number[]> {
  const all = (await descendantsOf(supervisor)).map((name) => Number.parseInt(name, 10));
  const lines = await Promise.all(
    all.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')),
  );
  return all.filter((_, index) => lines[index]!.split('\0').some((each) => each.endsWith(word)));
}

/** What isolates one of them: the runtime, nspawn, or QEMU. */
async function killIsolator(instance: RunningInstance): Promise<void> {
  const words = { nspawn: 'systemd-nspawn', machine: 'qemu-system-x86_64' } as Record<string, string>;
  const found = await startedBy(instance.supervisor, words[instance.backend] ?? instance.backend);
  expect(found).not.toEqual([]);
  for (const pid of found) process.kill(pid, 'SIGKILL');
}

const points: Record<string, (backend: string) => Promise<Process[]>> = {
  'the command that boots': async (backend) => killedCommand(['boot', 'hats.stack', '--backend', backend]),
  'the command that runs': async (backend) => killedCommand(['run', 'hats.stack', '--backend', backend]),
  'what supervises': async (backend) => kill((await start('hats.stack', backend))[0]!.supervisor),
  'what isolates': async (backend) => {
    const instances = await start('hats.stack', backend);
    await killIsolator(pick(random, instances));
    await desk.json(['stop', '--all']);
    return [];
  },
  'what isolates, then what supervises': async (backend) => {
    const [instance] = (await start('hats.stack', backend)) as [RunningInstance];
    await killIsolator(instance);
    await sleep(random(300));
    return kill(instance.supervisor);
  },
  'the link of a service': async (backend) => {
    const [{ stack }] = (await start('hats.stack', backend)) as [RunningInstance];
    const name = (await desk.json<{ instances: RunningInstance[] }>(['ps'])).instances[0]!.container;
    const prefix = name.slice(0, name.lastIndexOf('-') + 1);
    const owner = stack!.directory.split('/').at(-1)!.replace(/\.d$/, '');
    const bridge = join(runDirectoryOf(`${prefix}${owner}.net`), 'bridge');
    await run('nsenter', [`--net=${bridge}`, 'ip', 'link', 'delete', 'member3']);
    await desk.json(['stop', '--all']);
    return [];
  },
  'the router of a way out': async (backend) => {
    const [{ supervisor }] = (await start('goes-out', backend)) as [RunningInstance];
    const found = await startedBy(supervisor, 'slirp4netns');
    expect(found).toHaveLength(1);
    process.kill(found[0]!, 'SIGKILL');
    await desk.json(['stop', '--all']);
    return [];
  },
  'what supervises one with a way out': async (backend) =>
    kill((await start('goes-out', backend))[0]!.supervisor),
};

async function killedCommand(args: string[]): Promise<Process[]> {
  const child = desk.start(args);
  await sleep(random(Math.ceil(duration * 1.1)));
  const seen = await kill(child.pid!);
  await child;
  return seen;
}

const names = shareOfDay(Object.keys(points), 2);

test.each(backends.flatMap((backend) => names.map((point) => [point, backend] as const)))(
  `%s is killed, in %s (seed ${seed})`,
  async (point, backend) => {
    await isCleared(await points[point]!(backend));
  },
);
