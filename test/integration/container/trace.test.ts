/** What a container's first process starts, as the kernel tells it: end and status whatever the program does. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { probeTracing } from '../../../src/lib/container/trace.ts';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { native, type Trace, type TracedProgram } from '../../../src/lib/host/native.ts';
import { runInSandbox } from '../../../src/stages/install/sandbox.ts';
import { removeScratch, unboundDisk } from '../../helpers/scratch.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/milliner-trace-');
  for (const name of ['dev', 'proc']) await mkdir(join(directory, 'target', name), { recursive: true });
});
afterAll(() => removeScratch(directory));

async function traced(args: string[], timeout = 60_000) {
  const target = join(directory, 'target');
  const sandbox = { id: `milliner-trace-${process.pid}`, directory, toolRoot: '/', target, epoch: 0 };
  const traces: Trace[] = [];
  const words: string[] = [];
  const ended = await runInSandbox(
    { ...sandbox, disk: unboundDisk, timeout, memory: 1024 ** 3 },
    { args, onTrace: (one) => traces.push(one), onProgramLine: (line) => words.push(line) },
  ).catch((error: unknown) => error);
  return { ended, trace: traces[0], words };
}

const python = (...lines: string[]) =>
  traced(['python3', '-c', ['import os, subprocess', ...lines].join('\n')]);
const shell = (text: string) => `subprocess.call(['/bin/sh', '-c', ${JSON.stringify(text)}])`;
const statuses = (trace: Trace | undefined) => trace?.programs.map(({ status }) => status);

test.each([
  ['an exit status', shell('exit 3'), 3 << 8],
  ['a signal', shell('kill -9 $$'), 9],
  [
    'a stop, gone on from',
    "p = subprocess.Popen(['/bin/sh', '-c', 'kill -STOP $$; exit 4'])\nos.waitpid(p.pid, os.WUNTRACED)\nos.kill(p.pid, 18)\np.wait()",
    4 << 8,
  ],
  ['a signal that it handles', shell("trap 'exit 5' USR1; kill -USR1 $$; exit 0"), 5 << 8],
  ['a program in its own place', shell('exec /bin/sh -c "exit 6"'), 6 << 8],
  [
    'a program in its own place, run by another thread',
    `subprocess.call(['python3', '-c', 'import threading, os\\nt = threading.Thread(target=lambda: os.execv("/bin/sh", ["sh", "-c", "exit 7"])); t.start(); t.join()'])`,
    7 << 8,
  ],
  ['a fork that executes nothing', 'if os.fork() == 0: os._exit(8)\nos.wait()', 8 << 8],
  ['another user', "subprocess.call(['/bin/sh', '-c', 'exit 9'], user=65534)", 9 << 8],
])('%s', async (_, line, status) => {
  const { trace } = await python(line);
  expect(statuses(trace)).toEqual([status]);
  expect(trace).toMatchObject({ isComplete: true, isSteady: true });
});

test("its arguments, and the file that rpm has written for it; a program's own children are not told", async () => {
  const { trace } = await python(
    "open('/tmp/rpm-tmp.abcdef', 'w').write('/bin/true; exit 3')",
    "subprocess.call(['/bin/sh', '/tmp/rpm-tmp.abcdef', '1'])",
  );
  const [one, ...others] = trace!.programs;
  expect(others).toEqual([]);
  expect(one?.arguments?.toString()).toBe('/bin/sh\0/tmp/rpm-tmp.abcdef\u00001\0');
  expect(one?.script?.toString()).toBe('/bin/true; exit 3');
});

test('a link in the place of that file leads into the container, never to the host', async () => {
  const { trace } = await python(
    "os.symlink('/etc/shadow', '/tmp/rpm-tmp.abcdef')",
    "subprocess.call(['/bin/sh', '/tmp/rpm-tmp.abcdef', '1'])",
  );
  expect(trace!.programs.map(({ script }) => script)).toEqual([undefined]);
});

test('no two share a time, and what a file bears tells whose it is', async () => {
  const lines = Array.from({ length: 20 }, (_, i) => shell(`echo > /target/of-${i}`));
  const { trace } = await python(...lines);
  const made = await Promise.all(
    lines.map(async (_, i) => (await native().lstat(join(directory, 'target', `of-${i}`))).ctimeNanoseconds),
  );
  const within =
    (time: bigint) =>
    ({ begin, end }: TracedProgram) =>
      begin <= time && time <= end;
  expect(made.map((time) => trace!.programs.flatMap((one, i) => (within(time)(one) ? [i] : [])))).toEqual(
    lines.map((_, i) => [i]),
  );
});

test('what goes on in the background is known to go on, and where it has ended', async () => {
  const { trace } = await python(shell('sleep 0.3 &'), shell('true'), 'os.wait()', shell('true'));
  expect(trace!.programs.map(({ isAlone, leaves }) => [isAlone, leaves])).toEqual([
    [true, true],
    [false, true],
    [true, false],
  ]);
});

test('what goes on in a thread goes on, where the first thread has ended', async () => {
  const hidden = [
    'import ctypes, threading, time',
    'threading.Thread(target=time.sleep, args=(2,)).start()',
    'ctypes.CDLL(None).pthread_exit(None)',
  ].join('\\n');
  const { trace } = await python(shell(`python3 -c "$(printf '${hidden}')" & sleep 0.5`), shell('true'));
  expect(trace!.programs.map(({ isAlone, leaves }) => [isAlone, leaves])).toEqual([
    [true, true],
    [false, true],
  ]);
});

test('nothing that it runs can stop it', async () => {
  const { trace } = await python(shell('kill -STOP 1'), shell('exit 3'));
  expect(statuses(trace)).toEqual([0, 3 << 8]);
});

test('however many arguments it has', async () => {
  const line = 'import subprocess; subprocess.call(["/bin/sh", "-c", "exit 3"])';
  const { trace } = await traced([
    'python3',
    '-c',
    line,
    ...Array.from({ length: 4000 }, () => 'x'.repeat(60)),
  ]);
  expect(trace).toMatchObject({ isComplete: true, programs: [{ status: 3 << 8 }] });
});

test('who runs for too long is ended, and is the last that is told', async () => {
  const { ended, trace } = await traced(
    ['python3', '-c', `import subprocess\n${shell('sleep 600; true')}`],
    1500,
  );
  expect((ended as MillinerError).code).toBe('LIMIT_EXCEEDED');
  expect(statuses(trace)).toEqual([9]);
});

test('a container that cannot begin is no trace, and no wait', async () => {
  const { ended, trace } = await traced(['/nowhere/at/all']);
  expect(ended).toMatchObject({ exitCode: expect.any(Number) as number });
  expect((ended as { exitCode: number }).exitCode).not.toBe(0);
  expect(trace?.isComplete ?? false).toBe(false);
});

test('a process that is not there is an error, by its name', async () => {
  const { seized } = native().followChildren(2 ** 22 + 1, Buffer.from('x\0'));
  await expect(seized).rejects.toMatchObject({ code: 'ESRCH', syscall: 'ptrace' });
});

test('whether a host can do this is asked without leaving anything behind', async () => {
  expect(await probeTracing()).toBe('works');
});
