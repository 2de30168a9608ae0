/** What programs of packages find where they run. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runInSandbox } from '../../../src/stages/install/sandbox.ts';
import { removeScratch, unboundDisk } from '../../helpers/scratch.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp('/var/tmp/milliner-sandbox-');
  for (const name of ['dev', 'proc', 'sys'])
    await mkdir(join(directory, 'target', name), { recursive: true });
});
afterAll(() => removeScratch(directory));

function python(...lines: string[]) {
  const target = join(directory, 'target');
  const sandbox = { id: `milliner-sandbox-${process.pid}`, directory, toolRoot: '/', target, epoch: 0 };
  return runInSandbox(
    { ...sandbox, disk: unboundDisk, timeout: 60_000, memory: 256 * 1024 * 1024 },
    { args: ['python3', '-c', lines.join('\n')] },
  );
}

test('syncs succeed and do nothing: what they are asked for is done once, for all that is kept', async () => {
  // Of a file that is not there, the kernel would say so.
  const { exitCode, stderr } = await python('import os', 'os.fsync(99)', 'os.fdatasync(99)', 'os.sync()');
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
});

test('a user namespace, of which it would be the administrator, is refused', async () => {
  const CLONE_NEWUSER = 0x10000000;
  const { stdout } = await python(
    'import ctypes',
    'libc = ctypes.CDLL(None, use_errno=True)',
    `print(libc.unshare(${CLONE_NEWUSER}), ctypes.get_errno())`,
  );
  expect(stdout.trim()).toBe('-1 1');
});

test('the devices and file systems that OCI runtimes give by default are there, and harmless', async () => {
  const { stdout, stderr } = await python(
    'import errno, json, os, stat',
    'found = {}',
    'for name in "null zero full random urandom tty".split():',
    '    info = os.stat(f"/target/dev/{name}")',
    '    found[name] = [stat.S_ISCHR(info.st_mode), stat.S_IMODE(info.st_mode), os.major(info.st_rdev), os.minor(info.st_rdev)]',
    'try: os.open("/target/dev/tty", os.O_RDWR)',
    'except OSError as error: found["opened"] = errno.errorcode[error.errno]',
    'os.chroot("/target")',
    'master = os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY)',
    'found["terminals"] = sorted(os.listdir("/dev/pts"))',
    'shm = os.statvfs("/dev/shm")',
    'found["shm"] = [shm.f_blocks * shm.f_frsize, stat.S_IMODE(os.stat("/dev/shm").st_mode)]',
    'flags = os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC',
    'found["flags"] = [os.statvfs(f"/dev/{name}").f_flag & flags == flags & ~(os.ST_NODEV if name == "pts" else 0) for name in ("shm", "pts")]',
    'found["sys"] = sorted(os.listdir("/sys"))',
    'found["below"] = [name for place in found["sys"] for name in os.listdir(f"/sys/{place}")]',
    'print(json.dumps(found))',
  );
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    null: [true, 0o666, 1, 3],
    zero: [true, 0o666, 1, 5],
    full: [true, 0o666, 1, 7],
    random: [true, 0o666, 1, 8],
    urandom: [true, 0o666, 1, 9],
    tty: [true, 0o666, 5, 0],
    opened: 'ENXIO',
    terminals: ['0', 'ptmx'],
    shm: [64 * 1024 * 1024, 0o1777],
    flags: [true, true],
    sys: ['block', 'bus', 'class', 'dev', 'devices', 'firmware', 'fs', 'kernel', 'module', 'power'],
    below: [],
  });
});

test('a lock between processes can be made', async () => {
  const { stdout, stderr } = await python(
    'import os, multiprocessing, multiprocessing.synchronize',
    'os.chroot("/target")',
    'print(multiprocessing.Lock().acquire(timeout=1))',
  );
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe('True');
});

test('what one program leaves in shared memory is gone for the next, and pseudo-terminals are counted', async () => {
  const { stdout } = await python(
    'import os',
    'before = os.listdir("/target/dev/shm")',
    'open("/target/dev/shm/left", "w").close()',
    'count = 0',
    'try:',
    '    while True:',
    '        os.open("/target/dev/ptmx", os.O_RDWR | os.O_NOCTTY)',
    '        count += 1',
    'except OSError as error: print(before, count, error.errno)',
  );
  expect(stdout.trim()).toBe('[] 64 28');
});

test('a process that dies for want of memory is told, whoever started it and went on', async () => {
  const greedy = "import subprocess, sys; subprocess.call([sys.executable, '-c', 'bytearray(1 << 30)'])";
  await expect(python(greedy)).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    details: { limit: 'memory' },
  });
});

test('what it can write to is the target, which is bounded, places of a fixed size, or memory', async () => {
  const { stdout } = await python(
    'import os',
    'for line in open("/proc/self/mountinfo"):',
    '    place, rest = line.split(" - ")',
    '    target, options = place.split()[4:6]',
    '    if "rw" not in options.split(","): continue',
    '    found = os.statvfs(target)',
    '    print(target, rest.split()[0], found.f_blocks * found.f_frsize)',
  );
  const onDisk = stdout
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, type]) => !['tmpfs', 'proc', 'devpts', 'mqueue'].includes(type!));
  expect(onDisk.map(([target]) => target)).toEqual(['/target', '/target/dev', '/target/sys']);
  for (const [, , bytes] of onDisk.slice(1)) expect(Number(bytes)).toBeLessThanOrEqual(8 * 1024 * 1024);
});
