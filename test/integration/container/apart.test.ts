/** A container's first process is out of reach of what it starts, whatever that tries as the same root. */
import { chmod, chown, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { guestIds, type IdRange } from '../../../src/lib/container/userns.ts';
import type { Trace } from '../../../src/lib/host/native.ts';
import { runInSandbox } from '../../../src/stages/install/sandbox.ts';
import { removeScratch, unboundDisk } from '../../helpers/scratch.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/milliner-apart-');
  await chmod(directory, 0o711);
  for (const name of ['dev', 'proc', 'sys']) {
    await mkdir(join(directory, 'target', name), { recursive: true });
    await mkdir(join(directory, 'guest', name), { recursive: true });
    await chown(join(directory, 'guest', name), guestIds.start, guestIds.start);
  }
});
afterAll(() => removeScratch(directory));

interface Outcome {
  exitCode: number;
  stdout: string;
  stderr: string;
  /** What the programs that it started wrote. */
  words: string[];
  trace: Trace;
}

/** The first process, in Python; `run(TEXT)` there runs another, which has `syscall` and `attempt`. */
const first = (...lines: string[]) => perform(undefined, lines);

async function perform(ids: IdRange | undefined, lines: string[]): Promise<Outcome> {
  const target = join(directory, ids ? 'guest' : 'target');
  const sandbox = { id: `milliner-apart-${process.pid}`, directory, toolRoot: '/', target, epoch: 0 };
  const traces: Trace[] = [];
  const words: string[] = [];
  await writeFile(join(target, 'first.py'), [...prologue, ...lines].join('\n'));
  await writeFile(join(target, 'attempts.py'), attempts.join('\n'));
  const ended = await runInSandbox(
    {
      ...sandbox,
      disk: unboundDisk,
      timeout: 60_000,
      memory: 1024 ** 3,
      // Nobody else uses the tree: its owners are those ids themselves.
      ...(ids && { shift: { ids, mount: () => Promise.resolve() } }),
    },
    {
      args: ['python3', '/target/first.py'],
      onTrace: (one) => traces.push(one),
      onProgramLine: (line) => words.push(line),
    },
  );
  return { ...ended, words, trace: traces[0]! };
}

const prologue = [
  'import os, subprocess, sys, time, signal',
  'def run(text, **options):',
  '    return subprocess.call(["python3", "-c", "from attempts import *\\n" + text], cwd="/target", close_fds=False, **options)',
];

/** Numbers as on x86-64 and arm64, of which the calls below differ. */
const attempts = [
  'import ctypes, errno, fcntl, os, platform, resource, signal, sys, time',
  'libc = ctypes.CDLL(None, use_errno=True)',
  'numbers = {"x86_64": dict(ptrace=101, kcmp=312, process_vm_readv=310, process_vm_writev=311, pidfd_open=434, pidfd_getfd=438, clone=56),',
  '    "aarch64": dict(ptrace=117, kcmp=272, process_vm_readv=270, process_vm_writev=271, pidfd_open=434, pidfd_getfd=438, clone=220)}[platform.machine()]',
  'def syscall(name, *arguments):',
  '    answer = libc.syscall(ctypes.c_long(numbers[name]), *[ctypes.c_long(one) for one in arguments])',
  '    if answer < 0: raise OSError(ctypes.get_errno(), name)',
  '    return answer',
  'def attempt(what):',
  '    try: return what()',
  '    except OSError as error: return errno.errorcode[error.errno]',
];

const isRefused = /^(?:EACCES|EPERM|ENOSYS)$/;

test.each([
  ['its memory, to write', 'open("/proc/1/mem", "r+b", 0)'],
  ['its memory, to read', 'open("/proc/1/mem", "rb", 0)'],
  ['its map of it', 'open("/proc/1/maps").read()'],
  ['its environment', 'open("/proc/1/environ").read()'],
  ['its auxiliary vector', 'open("/proc/1/auxv", "rb").read()'],
  ['its standard output', 'open("/proc/1/fd/1", "w")'],
  ['its standard error, by a thread', 'open("/proc/1/task/1/fd/2", "w")'],
  ['its root directory', 'os.listdir("/proc/1/root/")'],
  ['its working directory', 'os.listdir("/proc/1/cwd/")'],
  ['its program', 'open("/proc/1/exe", "rb")'],
  ['the files that it has mapped', 'os.listdir("/proc/1/map_files")'],
  ['the names of what it has open', 'os.readlink("/proc/1/fd/2")'],
  ['its memory, by process_vm_readv', 'syscall("process_vm_readv", 1, 0, 0, 0, 0, 0)'],
  ['its memory, by process_vm_writev', 'syscall("process_vm_writev", 1, 0, 0, 0, 0, 0)'],
  ['its threads, by ptrace', 'syscall("ptrace", 16, 1, 0, 0)'],
  ['its open files, by pidfd_getfd', 'syscall("pidfd_getfd", syscall("pidfd_open", 1, 0), 2, 0)'],
  ['its limits', 'resource.prlimit(1, resource.RLIMIT_NOFILE, (3, 3))'],
  ['its descriptors, by kcmp', 'syscall("kcmp", os.getpid(), 1, 0, 1, 2)'],
])('what it starts does not reach %s', async (_, line) => {
  const { words, trace } = await first(`run('print(attempt(lambda: ${line}))')`);
  expect(words).toEqual([expect.stringMatching(isRefused)]);
  expect(trace.isComplete).toBe(true);
});

test.each([
  ['a program', "run('print(1, flush=True); print(2, file=sys.stderr)')"],
  ['a shell', "os.system('echo 1; echo 2 >&2')"],
  ['vfork(2)', "os.posix_spawn('/bin/sh', ['sh', '-c', 'echo 1; echo 2 >&2'], os.environ); os.wait()"],
  [
    'a fork that executes nothing',
    "if os.fork() == 0: os.write(1, b'1\\n'); os.write(2, b'2\\n'); os._exit(0)\nos.wait()",
  ],
  ['its output by name', "os.system('echo 1 >/dev/stdout; echo 2 >/proc/self/fd/2')"],
  ["a program's own children", "os.system('(echo 1; echo 2 >&2) & wait')"],
])('what is written comes apart from its own: %s', async (_, line) => {
  const { words, stdout, stderr, trace } = await first(
    'print("one", flush=True)',
    line,
    'print("two", file=sys.stderr)',
  );
  expect([stdout, stderr]).toEqual(['one\n', 'two\n']);
  expect(words).toEqual(['1', '2']);
  expect(trace.isComplete).toBe(true);
});

test('nothing that it starts holds its output, and there is no other way to it', async () => {
  const { words, stderr } = await first(
    'print(os.readlink("/proc/self/fd/1"), os.readlink("/proc/self/fd/2"), file=sys.stderr)',
    `run('for fd in sorted(os.listdir("/proc/self/fd")): print(attempt(lambda: os.readlink("/proc/self/fd/" + fd)))')`,
  );
  const [out, err] = stderr.trim().split(' ');
  expect(out).toMatch(/^pipe:/);
  expect(words).not.toContain(out);
  expect(words).not.toContain(err);
});

test.each([
  ['made non-blocking', 'fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)'],
  ['made to take packets', 'fcntl.fcntl(fd, fcntl.F_SETFL, os.O_DIRECT)'],
  ['made small', 'fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)'],
  [
    'filled',
    'fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK); attempt(lambda: [os.write(fd, b"x" * 4095 + b"\\\\n") for _ in range(64)])',
  ],
  ['closed', 'os.close(fd)'],
])('a pipe that one program has %s loses no word of another or of the first process', async (_, line) => {
  const { stderr, words } = await first(
    `run('for fd in 1, 2: ${line}')`,
    'sys.stderr.write("y" * 1_000_000); sys.stderr.flush()',
    `run('sys.stdout.write("z\\\\n" * 300_000)')`,
  );
  expect(stderr).toHaveLength(1_000_000);
  expect(words.filter((word) => word === 'z')).toHaveLength(300_000);
});

test.each([
  'KILL',
  'STOP',
  'TERM',
  'HUP',
  'INT',
  'QUIT',
  'ABRT',
  'SEGV',
  'TRAP',
  'TSTP',
  'XFSZ',
  'PIPE',
  'USR1',
])('SIG%s of what it starts does not end it', async (name) => {
  const { stdout, trace, exitCode } = await first(
    'signal.signal(signal.SIGINT, signal.SIG_DFL); signal.signal(signal.SIGPIPE, signal.SIG_DFL)',
    `run('os.kill(1, signal.SIG${name}); sys.exit(3)')`,
    'print("on")',
  );
  expect({ stdout, exitCode, isComplete: trace.isComplete }).toEqual({
    stdout: 'on\n',
    exitCode: 0,
    isComplete: true,
  });
  expect(trace.programs.map(({ status }) => status)).toEqual([3 << 8]);
});

test('who is killed before it has begun is told as its parent is told', async () => {
  const { stdout, trace } = await first(
    'killer = [',
    '    "import os, signal, time",',
    '    "end = time.monotonic() + 4",',
    '    "while time.monotonic() < end:",',
    '    "    for name in os.listdir(\'/proc\'):",',
    '    "        if name.isdigit() and int(name) > 1 and int(name) != os.getpid():",',
    '    "            try: os.kill(int(name), signal.SIGKILL)",',
    '    "            except ProcessLookupError: pass"]',
    'subprocess.Popen(["python3", "-c", "\\n".join(killer)]); time.sleep(0.3)',
    'for _ in range(100):',
    '    pid = os.fork()',
    '    if pid == 0: os._exit(7)',
    '    print(os.waitpid(pid, 0)[1], flush=True)',
  );
  const told = stdout.trim().split('\n').map(Number);
  expect(told).toHaveLength(100);
  expect(told).toContain(9);
  // The first is the killer itself, which nobody waits for.
  expect(trace.programs.slice(1).map(({ status }) => status)).toEqual(told);
});

test('a program cannot make another that looks like one of the first process', async () => {
  const CLONE_PARENT = 0x8000;
  const { trace, words } = await first(
    `run('if syscall("clone", ${CLONE_PARENT}, 0, 0, 0, 0) == 0: print(os.getppid(), flush=True); os._exit(9)\\ntime.sleep(0.5)')`,
  );
  expect(words).toEqual(['1']);
  expect(trace.programs.map(({ status }) => status)).toEqual([0]);
});

test.each([
  ['in the background', "os.system('sleep 600 &')"],
  ['in a session of its own', "os.system('setsid sleep 600 & sleep 0.2')"],
  [
    'that no signal ends',
    `run('if os.fork() == 0: [signal.signal(one, signal.SIG_IGN) for one in (1, 2, 3, 13, 15)]; time.sleep(600)')`,
  ],
  ['forked twice', `run('if os.fork() == 0: os.setsid(); os.fork() or time.sleep(600)')`],
])('a process that is left, %s, ends within two seconds of it', async (_, line) => {
  const before = process.hrtime.bigint();
  const { trace } = await first(line, "os.system('true')");
  expect(Number(process.hrtime.bigint() - before) / 1e9).toBeLessThan(15);
  expect(trace).toMatchObject({ isComplete: true, left: 1 });
  expect(trace.programs.map(({ outlives }) => outlives)).toEqual([true, false]);
});

test('what ends by itself within these two seconds has done its work', async () => {
  const { trace } = await first("os.system('(sleep 0.7; echo done >/target/done) &')");
  expect(trace.left).toBe(0);
  expect(await readFile(join(directory, 'target', 'done'), 'utf8')).toBe('done\n');
});

test('in a user namespace too, where its output has a name', async () => {
  const { words, trace } = await perform(guestIds, [
    "os.system('echo 1 >/dev/stdout; echo 2 >/dev/stderr')",
    `run('print(attempt(lambda: open("/proc/1/mem", "r+b", 0))); print(attempt(lambda: open("/proc/1/fd/2", "w")))')`,
  ]);
  expect(words).toEqual(['1', '2', 'EACCES', 'EACCES']);
  expect(trace.isComplete).toBe(true);
});
