/** Root inside is nobody outside: what a program of a container is on the host, and what its tree becomes. */
import { execFileSync } from 'node:child_process';
import { chown, lstat, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { mount, unmountAllBelow, type MountSpec } from '../../../src/lib/host/mounts.ts';
import { native } from '../../../src/lib/host/native.ts';
import { runDirectoryOf } from '../../../src/lib/container/run-directory.ts';
import { mountShifted } from '../../../src/lib/container/shifted.ts';
import { guestIds } from '../../../src/lib/container/userns.ts';
import { runInSandbox } from '../../../src/stages/install/sandbox.ts';
import { lstatIfThere } from '../../../src/lib/host/files.ts';
import { unboundDisk } from '../../helpers/scratch.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp('/var/tmp/milliner-userns-');
  for (const name of ['lower', 'upper', 'work', 'root', 'bundle']) await mkdir(join(directory, name));
  for (const name of ['dev', 'proc', 'sys', 'tmp']) await mkdir(join(directory, 'lower', name));
  await writeFile(join(directory, 'lower/below'), 'below');
  await chown(join(directory, 'lower/below'), 77, 78);
});
afterEach(async () => {
  await unmountAllBelow(directory, { detach: true });
  await rm(directory, { recursive: true });
});

const at = (...names: string[]) => join(directory, ...names);
const overlay = (): MountSpec => ({
  type: 'overlay',
  lower: [at('lower')],
  writable: { upper: at('upper'), work: at('work') },
  options: ['index=on', 'redirect_dir=on', 'metacopy=off'],
});

/** Runs a Python program as root of the namespace, the tree at /target. */
async function inside(...lines: string[]): Promise<unknown> {
  const remount = async (ids: typeof guestIds | undefined) => {
    await unmountAllBelow(at('root'), { detach: false });
    for (const deadline = Date.now() + 10_000; ; await sleep(50)) {
      try {
        return await (ids ? mountShifted(overlay(), at('root'), ids) : mount(overlay(), at('root')));
      } catch (error) {
        // Another test's runc may hold a copy of the mount for a moment.
        if ((error as { code?: string }).code !== 'BUSY' || Date.now() > deadline) throw error;
      }
    }
  };
  const { stdout, stderr, exitCode } = await runInSandbox(
    {
      id: `milliner-userns-${process.pid}`,
      directory: at('bundle'),
      toolRoot: '/',
      target: at('root'),
      disk: unboundDisk,
      shift: { ids: guestIds, mount: remount },
      epoch: 0,
      timeout: 60_000,
      memory: 256 * 1024 * 1024,
    },
    { args: ['python3', '-c', ['import json, os', ...lines].join('\n')] },
  );
  expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
  return JSON.parse(stdout);
}

const owner = async (...names: string[]) => {
  const { uid, gid, mode } = await lstat(at(...names));
  return [uid, gid, mode & 0o7777];
};

test('it is root by its own account, and somebody without a name by the host', async () => {
  const found = (await inside(
    'print(json.dumps([os.getuid(), open("/proc/self/uid_map").read().split(), open("/proc/self/gid_map").read().split()]))',
  )) as unknown[];
  const map = ['0', String(2 ** 31), String(2 ** 31 - 1)];
  expect(found).toEqual([0, map, map]);
  expect(await lstatIfThere(runDirectoryOf(`milliner-userns-${process.pid}`))).toBeUndefined();
});

test('what it makes, gives away and changes has the owners that it meant', async () => {
  const found = await inside(
    'os.umask(0)',
    'open("/target/made", "w").close()',
    'os.mkdir("/target/given", 0o2750)',
    'os.chown("/target/given", 1000, 2**31 - 2)',
    'os.chmod("/target/given", 0o2750)',
    'open("/target/setuid", "w").close()',
    'os.chmod("/target/setuid", 0o4755)',
    'os.symlink("nowhere", "/target/link")',
    'os.chmod("/target/below", 0o604)',
    'info = os.stat("/target/below")',
    'print(json.dumps([info.st_uid, info.st_gid]))',
  );
  expect(found).toEqual([77, 78]);
  expect(await owner('root', 'made')).toEqual([0, 0, 0o666]);
  expect(await owner('root', 'given')).toEqual([1000, 2 ** 31 - 2, 0o2750]);
  expect(await owner('root', 'setuid')).toEqual([0, 0, 0o4755]);
  expect(await owner('root', 'link')).toEqual([0, 0, 0o777]);
  expect(await owner('root', 'below')).toEqual([77, 78, 0o604]);
  expect(await owner('upper', 'below')).toEqual([77, 78, 0o604]);
});

test('capabilities and ACLs of files are in the tree as anyone would have set them', async () => {
  const capability = '0100000200040000000000000000000000000000';
  await inside(
    'open("/target/capable", "w").close()',
    `os.setxattr("/target/capable", "security.capability", bytes.fromhex("${capability}"))`,
    'import subprocess',
    'subprocess.check_call(["setfacl", "-m", "u:77:r,g:78:w", "/target/below"])',
    'print(json.dumps(os.getxattr("/target/capable", "security.capability").hex()))',
  );
  const { xattrs } = await native().lstat(at('root/capable'));
  expect(xattrs?.['security.capability']?.toString('hex')).toBe(capability);
  const acl = execFileSync('getfacl', ['-cnp', at('root/below')], { encoding: 'utf8' });
  expect(acl.split('\n').filter((line) => /:7[78]:/.test(line))).toEqual(['user:77:r--', 'group:78:-w-']);
});

test("the host's own files are nobody's to it, and no device of its making opens", async () => {
  const attempts = (await inside(
    'import errno',
    'def attempt(fn):',
    '    try: fn(); return "ok"',
    '    except OSError as error: return errno.errorcode[error.errno]',
    'print(json.dumps({',
    '    "owner": os.stat("/usr").st_uid,',
    '    "write": attempt(lambda: os.open("/usr/new", os.O_CREAT | os.O_WRONLY)),',
    '    "chown": attempt(lambda: os.chown("/usr/bin", 0, 0)),',
    '    "proc": attempt(lambda: os.chown("/target/proc", 0, 0)),',
    '    "sysctl": attempt(lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)),',
    '    "node": attempt(lambda: os.mknod("/target/disk", 0o60600, os.makedev(254, 0))),',
    '    "memory": attempt(lambda: os.mknod("/target/memory", 0o20600, os.makedev(1, 1))),',
    '    "beyond": attempt(lambda: os.chown("/target/below", 2**31 - 1, 0)),',
    '    "priority": attempt(lambda: os.setpriority(os.PRIO_PROCESS, 0, -5)),',
    '}))',
  )) as Record<string, unknown>;
  expect(attempts).toEqual({
    owner: 65_534,
    write: 'EROFS',
    chown: expect.stringMatching(/^E(ROFS|PERM|INVAL)$/),
    proc: 'EPERM',
    sysctl: expect.stringMatching(/^E(ROFS|ACCES|PERM)$/),
    node: 'EPERM',
    memory: 'EPERM',
    beyond: 'EINVAL',
    priority: 'EACCES',
  });
});

test('one of several names of a file below stays one file when it changes', async () => {
  execFileSync('ln', [at('lower/below'), at('lower/other')]);
  await inside('os.chmod("/target/below", 0o600)', 'print(json.dumps(os.stat("/target/other").st_nlink))');
  expect(await owner('root', 'other')).toEqual([77, 78, 0o600]);
});

test('nothing is left of what was mounted on the way', async () => {
  await mountShifted(overlay(), at('root'), guestIds);
  expect(await owner('root', 'below')).toEqual([2 ** 31 + 77, 2 ** 31 + 78, 0o644]);
  const bound: MountSpec = { type: 'bind', source: at('lower'), readonly: true };
  await mountShifted(bound, at('bundle'), guestIds);
  expect(await owner('bundle', 'below')).toEqual([2 ** 31 + 77, 2 ** 31 + 78, 0o644]);
  await expect(writeFile(at('bundle/new'), '')).rejects.toMatchObject({ code: 'EROFS' });
  await unmountAllBelow(directory, { detach: false });
  expect(execFileSync('ls', [directory], { encoding: 'utf8' }).trim().split('\n')).toEqual(
    ['bundle', 'lower', 'root', 'upper', 'work'].toSorted(),
  );
});

test('a file system that cannot move owners is told, not passed over', async () => {
  const proc: MountSpec = { type: 'proc', source: 'proc', readonly: false };
  await expect(mountShifted(proc, at('root'), guestIds)).rejects.toMatchObject({ code: 'HOST_ROOT_SHARED' });
  await expect(mountShifted(overlay(), at('nowhere/root'), guestIds)).rejects.toMatchObject({
    code: 'ENOENT',
  });
  expect(execFileSync('ls', [at('root')], { encoding: 'utf8' })).toBe('');
});
