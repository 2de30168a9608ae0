/** Every attack of the list, from a scriptlet of a real package, from an instance and from what is run in one: told by it, and seen on the host. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Verdict } from '../../src/boot/verdict.ts';
import { remains } from '../boot/remains.ts';
import { Desk } from '../cli/milliner.ts';
import { recipeOf } from '../cli/ownpackages.ts';
import { attacks, attacksFrom, type Place } from './attacks.ts';
import { compileAttacks } from './program.ts';

let desk: Desk;
let outside: string;
let victim: ChildProcess;
const servers: Server[] = [];
const reached: string[] = [];
const told: Record<Place, Map<string, string>> = {
  scriptlet: new Map(),
  instance: new Map(),
  exec: new Map(),
};
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
  const places = ['/', '/usr', '/etc', '/tmp', '/dev', '/sys/fs/cgroup'];
  const names = await Promise.all(
    places.map(async (place) => (await readdir(place)).filter((name) => name.includes('milliner-attack'))),
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

function read(lines: string[]): Map<string, string> {
  const found = lines.flatMap((line) => [...line.matchAll(/attack (\S+) (\S+)/g)]);
  return new Map(found.map(([, name, came]) => [name!, came!]));
}

beforeAll(async () => {
  desk = await Desk.open();
  outside = await mkdtemp('/var/tmp/milliner-attacked-');
  await writeFile(join(outside, 'secret'), 'of the host\n');
  victim = spawn('sleep', ['1000'], { stdio: 'ignore' });
  const socket = `milliner-attacked-${process.pid}`;
  const { port } = (await listen('port', 0)).address() as { port: number };
  await listen('abstract socket', `\0${socket}`);
  const host = { secret: join(outside, 'secret'), pid: victim.pid!, port, socket };
  const program = await compileAttacks(outside, host);
  before = await hostFacts();
  const recipe = await recipeOf(
    desk,
    'attacks',
    [{ name: 'attacker', sections: '%post -n attacker -p /usr/bin/attack', files: '/usr/bin/attack' }],
    {
      install: 'mkdir -p %{buildroot}/usr/bin\ncp %{attack} %{buildroot}/usr/bin/attack',
      paths: { attack: program },
      fields: {
        config: { entrypoint: ['/usr/bin/attack', 'instance'], stopSignal: 'SIGTERM' },
        test: { settle: '2s', limits: { memory: '256M' } },
      },
    },
  );
  await desk.build(recipe);
  const { report } = await desk.json<{ report: { log: string[] } }>(['inspect', 'attacks']);
  told.scriptlet = read(report.log);
  const verdict = await desk.json<Verdict>(['boot', 'attacks']);
  told.instance = read(verdict.instances[0]!.log);
  const { instances } = await desk.json<{ instances: { id: string }[] }>(['run', 'attacks', '--detach']);
  const { id } = instances[0]!;
  const { stdout } = await desk.run(['exec', id, '--', '/usr/bin/attack', 'exec']);
  told.exec = read(stdout.split('\n'));
  await desk.json(['stop', id]);
  after = await hostFacts();
});

afterAll(async () => {
  victim.kill('SIGKILL');
  for (const server of servers) server.close();
  await rm(outside, { recursive: true, force: true });
  await desk.run(['stop', '--all']);
  expect(await remains(desk)).toEqual([]);
  await desk.remove();
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

describe.each(['scriptlet', 'instance', 'exec'] as const)('from %s', (place) => {
  test.each(attacksFrom(place))('$name is held', ({ name, needsUserns }) => {
    const came = told[place].get(name);
    expect(came, 'it was tried').toBeDefined();
    // Without a user namespace these are open, and said to be.
    const isMapped = told[place].get('be-root-outside') !== 'ok';
    if (needsUserns && !isMapped) expect(came).toBe('ok');
    else expect(came).not.toBe('ok');
  });
});
