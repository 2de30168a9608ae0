/** What a program could do that a package or a key has taken over: python stands for it. */
import { createServer } from 'node:net';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runConfined, startConfined } from '../../../src/lib/host/confined.ts';

let directory: string;
let given: string;
let result: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-confined-'));
  [given, result] = [join(directory, 'given'), await mkdtemp(join(directory, 'result-'))];
  await writeFile(given, 'given');
  await writeFile(join(directory, 'secret'), 'secret');
});
afterEach(() => rm(directory, { recursive: true }));

/** What it says, or the number of the error that it met. */
async function python(...lines: string[]): Promise<string> {
  const attack = ['try:', ...lines.map((line) => `  ${line}`), 'except OSError as error: print(error.errno)'];
  const program = ['import ctypes, os, signal, socket', ...attack].join('\n');
  const { stdout, stderr } = await runConfined('python3', ['-c', program], {
    reads: [given],
    writes: result,
  });
  expect(stderr).toBe('');
  return stdout.trim();
}

test('it reads what it is given, and writes its result', async () => {
  expect(await python(`print(open(${JSON.stringify(given)}).read())`)).toBe('given');
  await python(`open(${JSON.stringify(join(result, 'made'))}, 'w').write('made')`);
  expect(await readFile(join(result, 'made'), 'utf8')).toBe('made');
});

const ENOENT = '2';
const EROFS = '30';

test.each<[string, () => string[], string]>([
  ['another file beside it', () => [`open(${JSON.stringify(join(directory, 'secret'))})`], ENOENT],
  ["the host's secrets", () => ["open('/etc/shadow')"], ENOENT],
  ['the keys of whoever started it', () => ["open('/root/.ssh/id_ed25519')"], ENOENT],
  ['processes', () => ["os.listdir('/proc')"], ENOENT],
  ['what it was given, to be written', () => [`open(${JSON.stringify(given)}, 'a')`], EROFS],
  // One that nothing runs meanwhile: the kernel would answer ETXTBSY first.
  ['a program of the host', () => ["open('/usr/bin/newgrp', 'a')"], EROFS],
  ['a file of the host', () => ["open('/usr/bin/milliner-was-here', 'w')"], EROFS],
  [
    'a mount',
    () => [
      "ctypes.set_errno(0); libc = ctypes.CDLL(None, use_errno=True); print(libc.mount(b'/', b'/tmp', b'', 4096, b''), ctypes.get_errno())",
    ],
    '-1 1',
  ],
  [
    'a mount taken away',
    () => ["libc = ctypes.CDLL(None, use_errno=True); print(libc.umount2(b'/usr', 2), ctypes.get_errno())"],
    '-1 1',
  ],
  ['a device', () => ["os.mknod('/tmp/sda', 0o60600, os.makedev(8, 0))"], '1'],
  ['another group', () => ['os.setgroups([4])'], '1'],
  ['a signal for whoever started it', () => [`os.kill(${process.pid}, 0)`], '3'],
  ['the only process but its keeper', () => ['print(os.getpid() < 10, os.getppid() < 10)'], 'True True'],
  ['interfaces', () => ['print([name for _, name in socket.if_nameindex()])'], "['lo']"],
  [
    'the environment',
    () => ["print(sorted(os.environ.keys() - {'PWD'}))"],
    "['HOME', 'LC_ALL', 'PATH', 'TZ']",
  ],
])('%s', async (_what, attack, said) => {
  process.env['MILLINER_KEY_PASSWORD'] = 'secret';
  expect(await python(...attack())).toBe(said);
  expect(await readdir(directory)).toHaveLength(3);
});

test('servers of the host, by address or by an abstract name', async () => {
  const abstract = `\0milliner-${process.pid}`;
  for (const place of [{ host: '127.0.0.1', port: 0 }, { path: abstract }]) {
    const server = createServer((socket) => socket.end('reached'));
    await new Promise<void>((listening) => server.listen(place, listening));
    const address = server.address();
    const there =
      typeof address === 'object' && address ? `('127.0.0.1', ${address.port})` : JSON.stringify(abstract);
    const family = typeof address === 'object' && address ? 'AF_INET' : 'AF_UNIX';
    const said = await python(`s = socket.socket(socket.${family}); s.connect(${there}); print(s.recv(9))`);
    expect(said).toBe('111');
    await new Promise((closed) => server.close(closed));
  }
});

test('a program that is not there, and bytes in both directions', async () => {
  await expect(runConfined('milliner-none', [], {})).rejects.toMatchObject({
    code: 'HOST_MISSING',
    details: { program: 'milliner-none' },
  });
  const { stdout } = await startConfined(
    'xz',
    ['--compress', '--stdout'],
    {},
    { input: Buffer.alloc(1 << 20) },
  );
  expect(stdout).toBeUndefined();
  const unpacked = await runConfined('wc', ['-c'], {}, { input: Buffer.alloc(1 << 20) });
  expect(unpacked.stdout.trim()).toBe(String(1 << 20));
});

test('it ends when it is stopped', async () => {
  const stop = new AbortController();
  const running = runConfined('sleep', ['600'], {}, { signal: stop.signal });
  setTimeout(() => stop.abort(), 200);
  await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
});

test(
  'an abort at any moment of its start ends it, with all that it has started',
  { timeout: 120_000 },
  async () => {
    for (let round = 0; round < 120; round++) {
      const stop = new AbortController();
      const running = runConfined('sleep', ['1000'], {}, { signal: stop.signal });
      const refused = expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
      for (const end = performance.now() + (round % 30) / 4; performance.now() < end;) await setImmediate();
      stop.abort();
      // One that was left would hold its pipes, and this would wait for ever.
      await refused;
    }
  },
);
