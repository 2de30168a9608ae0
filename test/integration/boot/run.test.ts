/** Instances for use, through the command line: started, listed, reached, entered, read, stopped. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { start } from '../../../src/lib/host/exec.ts';
import type { RunningInstance } from '../../../src/pipeline/instance/instance-records.ts';
import { cli, Desk } from '../../helpers/milliner.ts';
import { remains } from '../../helpers/remains.ts';
import { shellWords } from '../../helpers/shell-words.ts';
import { backendOfDay, shareOfDay } from '../../helpers/soak.ts';
import { connected, exchange, random, sha256, sumOf } from './connection.ts';
import { entrypointOf } from './programs.ts';

let desk: Desk;
let digest: string;

beforeAll(async () => {
  desk = await Desk.open();
  const serve = await entrypointOf('serve');
  const ready = { notify: true };
  const image = (name: string, plan: object) => desk.tiny(name, ['tiny-base'], { ...serve, test: plan });
  digest = (await desk.build(await image('web', { ready }))).manifestDigest;
  const limits = { bandwidth: '100mbit', cpus: 0.5, cpuWeight: 50, memory: '64M', swap: '16M', pids: 64 };
  await desk.build(await image('narrow', { ready, limits }));
});
afterAll(() => desk.remove());

interface Listed {
  instances: RunningInstance[];
}

const runDetached = (image: string, ...flags: string[]) =>
  desk
    .json<Listed>(['run', image, '--backend', backendOfDay, '--detach', ...flags])
    .then(({ instances }) => instances);
const listed = async () => (await desk.json<Listed>(['ps'])).instances;
const portsOf = ({ ports }: RunningInstance) => ports.map(({ hostPort }) => hostPort);

async function stopAll(): Promise<void> {
  await desk.run(['stop', '--all']);
  expect(await remains(desk)).toEqual([]);
}

/** exec with something to read; Desk's has nothing. */
function exec(id: string, program: string[], input: string | Buffer = '') {
  const env = { MILLINER_STATE: desk.state };
  return start(process.execPath, [cli, 'exec', id, '--', ...program], { env, input });
}

const shell = (id: string, script: string) => exec(id, ['sh', '-c', script]);

describe('two instances in the background', () => {
  let instances: RunningInstance[];
  beforeAll(async () => {
    instances = await runDetached('web', '--instances', '2', '--publish', '7', '--publish', '127.0.0.1:0:9');
  });
  afterAll(stopAll);

  test('are listed as they were started', async () => {
    expect(await listed()).toEqual(instances.toSorted((a, b) => (a.started < b.started ? -1 : 1)));
    expect(instances).toMatchObject(
      [1, 2].map(() => ({ image: 'web', manifestDigest: digest, init: false })),
    );
    expect(new Set(instances.map(({ id }) => id)).size).toBe(2);
    const ports = instances.flatMap(portsOf);
    expect(new Set(ports).size).toBe(4);
    expect(instances[0]!.ports.map(({ address, instancePort }) => [address, instancePort])).toEqual([
      ['127.0.0.1', 7],
      ['127.0.0.1', 9],
    ]);
  });

  test('both answer at their ports', async () => {
    const sent = Buffer.from('a hat of felt');
    for (const instance of instances) {
      const [echo, sum] = portsOf(instance);
      expect(await exchange(echo!, sent)).toEqual(sent);
      expect((await exchange(sum!, sent)).toString()).toBe(sumOf(sent));
    }
  });

  test('each has a tree of its own', async () => {
    const [first, second] = instances.map(({ id }) => id) as [string, string];
    await shell(first, 'echo felt >/etc/mine && rm /etc/packaged.pem');
    const look = 'cat /etc/mine; echo /etc/*.pem';
    const seen = await Promise.all([shell(first, look), shell(second, look)]);
    expect(seen.map(({ stdout }) => stdout)).toEqual(['felt\n/etc/*.pem\n', '/etc/packaged.pem\n']);
  });

  test('each has a network of its own, with nothing in it but itself', async () => {
    const [first, second] = instances.map(({ id }) => id) as [string, string];
    const host = createServer((socket) => socket.end('host')).listen(0, '127.0.0.1');
    await once(host, 'listening');
    const { port } = host.address() as { port: number };
    const listens = `
      busybox nc -l -p 4000 </dev/null >/dev/null 2>&1 &
      until busybox netstat -ltn | busybox grep -q :4000; do sleep 0.1; done`;
    const reach = (to: number) => `echo | busybox nc -w 2 127.0.0.1 ${to} >/dev/null 2>&1; echo $?`;
    const look = `${reach(port)}; ${reach(4000)}; echo /sys/class/net/*; busybox hostname`;
    try {
      await shell(first, listens);
      const seen = await Promise.all([shell(second, look), shell(first, look)]);
      const lines = seen.map(({ stdout }) => stdout.trim().split('\n'));
      const links = ['eth0', 'lo'];
      const shown = links.map((name) => `/sys/class/net/${name}`).join(' ');
      expect(lines).toEqual([
        ['1', '1', shown, expect.stringMatching(/^web-[12]$/)],
        ['1', '0', shown, expect.stringMatching(/^web-[12]$/)],
      ]);
      expect(new Set(lines.map((one) => one.at(-1))).size).toBe(2);
    } finally {
      host.close();
    }
  });

  test('exec ends as the program does, by the beginning of an id too', async () => {
    const { id } = instances[0]!;
    const ended = await Promise.all([
      exec(id.slice(0, 8), ['true']),
      exec(id, ['sh', '-c', 'exit 7']),
      exec(id, ['sh', '-c', 'kill -KILL $$']),
      exec(id, ['/no/such/program']),
      // What looks like our own flags is the program's.
      exec(id, ['echo', '--json', '--help', '-x']),
    ]);
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 7, 137, 255, 0]);
    expect(ended.at(-1)!.stdout).toBe('--json --help -x\n');
  });

  test('what exec reads and writes is unchanged', async () => {
    const sent = random(4);
    const env = { MILLINER_STATE: desk.state };
    const args = [cli, 'exec', instances[0]!.id, '--', 'sh', '-c', 'cat; echo done >&2; exit 3'];
    const child = start(process.execPath, args, { env, input: sent });
    const parts: Buffer[] = [];
    child.stdout.on('data', (part: Buffer) => parts.push(part));
    expect(await child).toMatchObject({ exitCode: 3, stderr: 'done\n' });
    expect(sha256(Buffer.concat(parts))).toBe(sha256(sent));
  });

  test('exec gives the program a terminal where there is one', async () => {
    const words = [
      process.execPath,
      cli,
      'exec',
      instances[0]!.id,
      '--',
      'sh',
      '-c',
      'test -t 0 && test -t 1',
    ];
    const args = ['--quiet', '--return', '--command', shellWords(words), '/dev/null'];
    expect(await start('script', args, { env: { MILLINER_STATE: desk.state } })).toMatchObject({
      exitCode: 0,
    });
  });

  test('a signal ends what exec has started', async () => {
    const { id } = instances[0]!;
    const child = exec(id, ['sh', '-c', 'echo begun; exec sleep 1000']);
    await once(child.stdout, 'data');
    child.kill('SIGTERM');
    expect((await child).exitCode).not.toBe(0);
    expect((await shell(id, 'busybox pidof sleep')).exitCode).toBe(1);
  });

  test('an id that means none, or more than one; and none at all', async () => {
    const unknown = [
      ['exec', 'zzz', '--', 'true'],
      ['logs', 'zzz'],
      ['stop', 'zzz'],
      ['exec', '', '--', 'true'],
    ];
    const wrong = [['exec', instances[0]!.id], ['stop'], ['stop', '--all', instances[0]!.id]];
    const ended = await Promise.all([...unknown, ...wrong].map((args) => desk.run(args)));
    expect(ended.map(({ code, stderr }) => [code, /^\w+/.exec(stderr)![0]])).toEqual([
      ...unknown.map(() => [3, 'INSTANCE_NOT_FOUND']),
      ...wrong.map(() => [2, 'USAGE']),
    ]);
  });

  test('logs are what it wrote; followed, until it ends; and the other goes on', async () => {
    const [first, second] = instances as [RunningInstance, RunningInstance];
    expect(await desk.run(['logs', second.id])).toMatchObject({ code: 0, stdout: 'listening\n' });
    const following = desk.start(['logs', second.id, '--follow']);
    await once(following.stdout, 'data');
    await shell(second.id, 'echo felt >/proc/1/fd/1; echo straw >/proc/1/fd/1');
    expect(await desk.json(['stop', second.id])).toEqual({ stopped: [second.id] });
    const { exitCode, stdout } = await following;
    expect(exitCode).toBe(0);
    expect(stdout.split('\n').slice(0, 3)).toEqual(['listening', 'felt', 'straw']);
    expect(await listed()).toEqual([first]);
    await expect(connected(portsOf(second)[0]!)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(await exchange(portsOf(first)[0]!, Buffer.from('felt'))).toEqual(Buffer.from('felt'));
  });
});

describe.each(['web', 'narrow'])('connections to %s', (image) => {
  let echo: number;
  let sum: number;
  let closing: number;
  let silent: number;
  let ipv6: number;
  let id: string;
  beforeAll(async () => {
    const flags = ['7', '9', '5', '1', '6'].flatMap((port) => ['--publish', port]);
    const [instance] = await runDetached(image, ...flags);
    [echo, sum, closing, silent, ipv6] = portsOf(instance!) as [number, number, number, number, number];
    ({ id } = instance!);
  });
  afterAll(stopAll);

  test('large transfers in both directions at once are unchanged', async () => {
    const sent = random(image === 'narrow' ? 6 : 24);
    expect(sha256(await exchange(echo, sent))).toBe(sha256(sent));
  });

  test('an answer may come after the end of the question', async () => {
    const sent = random(1);
    expect((await exchange(sum, sent)).toString()).toBe(sumOf(sent));
    expect((await exchange(sum, Buffer.alloc(0))).toString()).toBe(sumOf(Buffer.alloc(0)));
  });

  test('a server may listen for IPv6 alone', async () => {
    const { stdout } = await shell(id, 'cat /proc/net/if_inet6');
    const sent = Buffer.from('felt');
    const answer = await exchange(ipv6, sent).catch(() => Buffer.alloc(0));
    // Where the kernel has none, nobody answers.
    expect(answer).toEqual(stdout === '' ? Buffer.alloc(0) : sent);
  });

  test('a hundred at once', async () => {
    const all = Array.from({ length: 100 }, (_, index) => Buffer.alloc(10_000, index));
    // Its own limit of processes is what the narrow one has.
    const groups = image === 'narrow' ? [all.slice(0, 50), all.slice(50)] : [all];
    for (const group of groups) {
      const answers = await Promise.all(group.map((bytes) => exchange(echo, bytes)));
      expect(answers.every((bytes, index) => bytes.equals(group[index]!))).toBe(true);
    }
  });

  test('a client that leaves in the middle takes nobody with it', async () => {
    const leaving = await Promise.all(Array.from({ length: 20 }, () => connected(echo)));
    for (const socket of leaving) {
      socket.on('error', () => {});
      socket.write(random(1));
      socket.resetAndDestroy();
    }
    const sent = random(1);
    expect(sha256(await exchange(echo, sent))).toBe(sha256(sent));
  });

  test('where the instance closes, or nobody listens, the connection ends', async () => {
    for (const port of [closing, silent]) {
      const socket = await connected(port);
      expect(await buffer(socket).catch(() => Buffer.alloc(0))).toHaveLength(0);
      socket.destroy();
    }
    expect((await shell(id, 'true')).exitCode).toBe(0);
  });
});

describe('an image with a journal', () => {
  let id: string;
  beforeAll(async () => {
    const program = (path: string, script: string) => ({
      path,
      content: `#!/bin/sh\n${script}\n`,
      mode: '0755',
    });
    await desk.build(
      await desk.tiny('journal', ['tiny-base'], {
        files: [
          program('/usr/bin/systemctl', String.raw`printf 'Id=a.service\nActiveState=active\n'`),
          program('/usr/bin/journalctl', 'echo "$@"; [ "$2" != -f ] || exec sleep 1000'),
        ],
        config: {
          entrypoint: ['/bin/sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.1; done'],
          stopSignal: 'SIGTERM',
        },
        test: { init: true, ready: { unit: 'a.service' }, stop: { timeout: '10s' } },
      }),
    );
    [{ id }] = (await runDetached('journal')) as [RunningInstance];
  });
  afterAll(stopAll);

  test('shows that, as text and as JSON', async () => {
    expect(await desk.run(['logs', id])).toMatchObject({ code: 0, stdout: '--no-pager\n' });
    expect(await desk.json(['logs', id])).toEqual({ log: '--no-pager\n' });
  });

  test('follows it until it is stopped, and leaves nothing running in the instance', async () => {
    const following = desk.start(['logs', id, '--follow']);
    await once(following.stdout, 'data');
    following.kill('SIGINT');
    expect((await following).stdout).toBe('--no-pager -f\n');
    const { exitCode, stdout } = await exec(id, ['busybox', 'ps', '-o', 'args']);
    expect({ exitCode, isLeft: stdout.includes('sleep 1000') }).toEqual({ exitCode: 0, isLeft: false });
  });

  test('what exec ran is answered as JSON', async () => {
    const args = ['exec', id, '--json', '--', 'sh', '-c', 'echo felt; echo straw >&2; exit 3'];
    const { code, stdout } = await desk.run(args);
    expect([code, JSON.parse(stdout)]).toEqual([3, { exitCode: 3, stdout: 'felt\n', stderr: 'straw\n' }]);
  });
});

describe('in the foreground', () => {
  afterEach(async () => {
    expect(await remains(desk)).toEqual([]);
  });

  async function started(...flags: string[]) {
    const child = desk.start(['run', 'web', ...flags], { wrapper: ['setsid'] });
    let text = '';
    child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
    // The command's own line tells that all are ready.
    await once(child.stdout, 'data');
    while (!text.includes('listening')) await sleep(20);
    // Wrapped, because a child is also a promise.
    return { child };
  }

  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  test.each(shareOfDay(signals, signals.length))('%s stops it, and it says so', async (signal) => {
    const { child } = await started('--instances', '2');
    child.kill(signal);
    const { exitCode, stderr } = await child;
    expect(exitCode).toBe(130);
    expect(stderr.match(/ {2}ending$/gm)).toHaveLength(2);
  });

  test('a Ctrl-C that the whole process group gets', async () => {
    const { child } = await started('--publish', '7');
    process.kill(-child.pid!, 'SIGINT');
    expect((await child).exitCode).toBe(130);
  });

  test('it ends when the instance does', async () => {
    const { child } = await started();
    const [instance] = await listed();
    await desk.json(['stop', instance!.id]);
    expect((await child).exitCode).toBe(0);
  });

  test('it fails where the instance writes more than it may', async () => {
    await desk.build(
      await desk.tiny('greedy', ['tiny-base'], {
        config: {
          entrypoint: ['/bin/sh', '-c', 'sleep 1; dd if=/dev/zero of=/var/fill bs=1M count=64; sleep 1000'],
        },
        test: { limits: { disk: '8M' } },
      }),
    );
    expect(await desk.fails(['run', 'greedy'])).toMatchObject({ code: 'INSTANCE_FAILED', exit: 11 });
  });

  test('a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    try {
      for (const detach of [[], ['--detach']]) {
        expect(await desk.fails(['run', 'web', '--publish', `${port}:7`, ...detach])).toMatchObject({
          code: 'PORT_UNUSABLE',
          exit: 8,
          details: { port },
        });
        expect(await remains(desk)).toEqual([]);
      }
    } finally {
      server.close();
    }
  });
});
