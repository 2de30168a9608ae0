/** Every attack of the list, from a scriptlet of a real package, from an instance and from what is run in one: told by it, and seen on the host. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../../../src/stages/boot/verdict.ts';
import { Desk, type RunSettings } from '../../../helpers/milliner.ts';
import { remains } from '../../../helpers/remains.ts';
import { recipeOf } from '../../../helpers/tiny/own-packages.ts';
import { attacks, attacksFrom, type Place } from './attacks.ts';
import { compileAttacks } from './program.ts';
import { withoutMovedOwners } from './unmapped.ts';

interface Mode extends RunSettings {
  /** Of the instance. */
  backend: string;
}

const modes: Record<string, Mode> = {
  'in user namespaces': { backend: 'auto' },
  'in systemd-nspawn': { backend: 'nspawn' },
  "with the host's root, which the operator allows where the kernel has nothing better": {
    backend: 'auto',
    wrapper: withoutMovedOwners,
    env: { MILLINER_ALLOW_HOST_ROOT: 'true' },
  },
};
const modeNames = Object.keys(modes);
const unmapped = modeNames.at(-1)!;
const places: Place[] = ['scriptlet', 'instance', 'exec'];

let outside: string;
let victim: ChildProcess;
const servers: Server[] = [];
const reached: string[] = [];
/** By mode, place and attack. */
const told = new Map<string, string>();
let before: unknown;
let after: unknown;

async function listen(name: string, where: string | number): Promise<Server> {
  const server = createServer(() => reached.push(name));
  servers.push(server);
  server.listen(where);
  await once(server, 'listening');
  return server;
}

/** What the attacks would change. */
async function hostFacts() {
  const files = ['kernel/core_pattern', 'kernel/panic', 'net/ipv4/ip_forward'].map(
    (name) => `/proc/sys/${name}`,
  );
  const texts = [...files, '/etc/passwd', '/etc/shadow', '/proc/swaps', join(outside, 'secret')];
  const folders = ['/', '/usr', '/etc', '/tmp', '/dev', '/sys/fs/cgroup'];
  const names = await Promise.all(
    folders.map(async (place) => (await readdir(place)).filter((name) => name.includes('milliner-attack'))),
  );
  return {
    texts: await Promise.all(texts.map((path) => readFile(path, 'utf8'))),
    names: names.flat(),
    keys: (await readFile('/proc/keys', 'utf8')).includes('milliner-attack'),
    mounts: (await readFile('/proc/self/mountinfo', 'utf8')).includes('milliner-attack'),
    hostname: hostname(),
    victim: victim.exitCode ?? victim.signalCode,
    reached: [...reached],
  };
}

function remember(mode: string, place: Place, lines: string[]): void {
  for (const line of lines)
    for (const [, name, came] of line.matchAll(/attack (\S+) (\S+)/g))
      told.set(`${mode} ${place} ${name}`, came!);
}

const fields = {
  config: { entrypoint: ['/usr/bin/attack', 'instance'], stopSignal: 'SIGTERM' },
  test: { settle: '2s', limits: { memory: '256M' } },
};

async function tryAll(mode: string, program: string): Promise<void> {
  const backend = ['--backend', modes[mode]!.backend];
  const desk = await Desk.open();
  const answer = async <T>(...args: string[]): Promise<T> => {
    const ended = await desk.run([...args, '--json'], modes[mode]);
    if (ended.code !== 0) throw new Error(`milliner ${args.join(' ')}: ${ended.stderr}${ended.stdout}`);
    return JSON.parse(ended.stdout) as T;
  };
  try {
    const recipe = await recipeOf(
      desk,
      'attacks',
      [{ name: 'attacker', sections: '%post -n attacker -p /usr/bin/attack', files: '/usr/bin/attack' }],
      {
        install: 'mkdir -p %{buildroot}/usr/bin\ncp %{attack} %{buildroot}/usr/bin/attack',
        paths: { attack: program },
        fields,
      },
    );
    await answer('build', recipe);
    const { report } = await answer<{ report: { log: string[] } }>('inspect', 'attacks');
    remember(mode, 'scriptlet', report.log);
    const verdict = await answer<Verdict>('boot', 'attacks', ...backend);
    expect(verdict.host.runtime).toMatch(modes[mode]!.backend === 'nspawn' ? /^nspawn / : /^(?:runc|crun) /);
    remember(mode, 'instance', verdict.instances[0]!.log);
    const { instances } = await answer<{ instances: { id: string }[] }>(
      'run',
      'attacks',
      '--detach',
      ...backend,
    );
    const { stdout } = await desk.run(
      ['exec', instances[0]!.id, '--', '/usr/bin/attack', 'exec'],
      modes[mode],
    );
    remember(mode, 'exec', stdout.split('\n'));
  } finally {
    await desk.run(['stop', '--all'], modes[mode]);
    expect(await remains(desk)).toEqual([]);
    await desk.remove();
  }
}

beforeAll(async () => {
  outside = await mkdtemp('/var/tmp/milliner-attacked-');
  await writeFile(join(outside, 'secret'), 'of the host\n');
  victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const socket = `milliner-attacked-${process.pid}`;
  const { port } = (await listen('port', 0)).address() as { port: number };
  await listen('abstract socket', `\0${socket}`);
  const host = { secret: join(outside, 'secret'), pid: victim.pid!, port, socket };
  const program = await compileAttacks(outside, host);
  before = await hostFacts();
  for (const mode of modeNames) await tryAll(mode, program);
  after = await hostFacts();
});

afterAll(async () => {
  victim.kill('SIGKILL');
  for (const server of servers) server.close();
  await rm(outside, { recursive: true, force: true });
});

test('there are forty, half of them from either place, and each has a name of its own', () => {
  expect(attacksFrom('scriptlet').length).toBeGreaterThanOrEqual(40);
  expect(attacksFrom('instance').length).toBeGreaterThanOrEqual(40);
  expect(new Set(attacks.map(({ name }) => name)).size).toBe(attacks.length);
});

test('nothing of the host has changed, been reached or ended', () => {
  expect(after).toEqual(before);
  expect(before).toMatchObject({ victim: null, reached: [], names: [], keys: false, mounts: false });
});

/** Scriptlets run in an OCI runtime, whatever isolates instances. */
const isOwn = (mode: string, place: Place) => place !== 'scriptlet' || modes[mode]!.backend === 'auto';

describe.each(
  modeNames.flatMap((mode) => places.filter((place) => isOwn(mode, place)).map((place) => ({ mode, place }))),
)('from $place, $mode,', ({ mode, place }) => {
  test.each(attacksFrom(place))('$name is held', ({ name, needsUserns }) => {
    const came = told.get(`${mode} ${place} ${name}`);
    expect(came, 'it was tried').toBeDefined();
    // What is said to need a user namespace does: a mark too many would excuse what others hold.
    if (needsUserns && mode === unmapped) expect(came).toBe('ok');
    else expect(came).not.toBe('ok');
  });
});
