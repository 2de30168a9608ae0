/** A host that lacks something: each ends with its code, leaves nothing, and works once the lack is mended. */
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { mount, unmount, type PlainSpec } from '../../../src/lib/host/mounts.ts';
import { useOneProcess } from '../../helpers/command-client.ts';
import { asNobody, checkout, Desk, type ErrorAnswer } from '../../helpers/milliner.ts';
import { leftovers } from '../../helpers/traces.ts';

useOneProcess();

const soak = process.env['MILLINER_SOAK'] !== undefined;

let desk: Desk;
let recipe: string;
beforeEach(async () => {
  desk = await Desk.open();
  recipe = await desk.tiny('small', ['tiny-base', 'tiny-app']);
});
afterEach(async () => {
  await rm(desk.path('elsewhere'), { recursive: true, force: true });
  expect(await leftovers(desk.directory)).toEqual([]);
  await desk.remove();
});

/** Runs with a file system of its own at a place of the desk. */
async function mounted(
  place: string,
  spec: Omit<PlainSpec, 'readonly'>,
  use: () => Promise<void>,
): Promise<void> {
  await mkdir(place, { recursive: true });
  await mount({ readonly: false, ...spec }, place);
  try {
    await use();
  } finally {
    await unmount(place, { detach: false });
  }
}

const tmpfs = (size: string) => ({ type: 'tmpfs' as const, source: 'small', options: [`size=${size}`] });

/** KiB from one that has no room for the databases to one that has none for an installation. */
const sizes = soak
  ? Array.from({ length: 130 }, (_, step) => 20 + step * 40)
  : [20, 120, 1150, 1860, 2600, 4300, 9000];

test('a full disk: said so wherever it happens, nothing half-written stays, with more room it works', async () => {
  const { manifestDigest } = await desk.build(recipe);
  const stages = new Set<string>();
  for (const size of sizes) {
    const small = desk.path(`small-${size}`);
    await mounted(small, tmpfs(`${size}k`), async () => {
      const args = ['build', recipe, '--state', join(small, 'state')];
      const ended = await desk.run([...args, '--json']);
      if (ended.code !== 0) {
        const { error } = JSON.parse(ended.stdout) as { error: ErrorAnswer };
        expect({ size, exit: ended.code, ...error }).toMatchObject({ size, code: 'DISK_FULL', exit: 9 });
        stages.add(ended.stderr.trim().split('\n').at(-1)!.replace(/:.*/, ''));
        expect(await leftoversIn(small)).toEqual([]);
        await run('mount', ['-o', 'remount,size=64m', small]);
      }
      expect(await desk.json(args)).toMatchObject({ manifestDigest });
    });
  }
  // Databases, packages, keys: an installation has its room before it begins.
  expect(stages.size).toBeGreaterThan(2);
});

/** Apart from the file system that lies there on purpose. */
async function leftoversIn(directory: string): Promise<string[]> {
  const found = await leftovers(directory);
  return found.filter((line) => !line.includes(` ${directory} `));
}

test('an output that is full, or read-only', async () => {
  const place = desk.path('elsewhere');
  const args = ['build', recipe, '--output', join(place, 'oci')];
  await mounted(place, tmpfs('500k'), async () => {
    expect(await desk.fails(args)).toMatchObject({ code: 'DISK_FULL', exit: 9 });
    const blobs = join(place, 'oci', 'blobs', 'sha256');
    for (const name of await readdir(blobs)) {
      const { stdout } = await run('sha256sum', [join(blobs, name)]);
      expect(stdout.slice(0, 64)).toBe(name);
    }
    await run('mount', ['-o', 'remount,size=64m', place]);
    await desk.build(recipe, '--output', join(place, 'oci'));
    await run('mount', ['-o', 'remount,ro', place]);
    expect(await desk.fails(args)).toMatchObject({ code: 'OUTPUT_UNUSABLE', exit: 3 });
  });
});

test('a recipe where no lock can be written beside it', async () => {
  const place = desk.path('elsewhere');
  await mounted(place, tmpfs('8k'), async () => {
    await cp(recipe, join(place, 'small.yaml'));
    await writeFile(join(place, 'filler'), Buffer.alloc(4096));
    const args = ['build', join(place, 'small.yaml')];
    expect(await desk.fails(args)).toMatchObject({ code: 'DISK_FULL', exit: 9 });
    expect(await readdir(place)).toEqual(['filler', 'small.yaml']);
    await run('mount', ['-o', 'remount,ro', place]);
    expect(await desk.fails(args)).toMatchObject({ code: 'OUTPUT_UNUSABLE', exit: 3 });
  });
});

test('a state directory that cannot be written to, or is none', async () => {
  const place = desk.path('elsewhere');
  await mounted(place, tmpfs('1m'), async () => {
    await run('mount', ['-o', 'remount,ro', place]);
    const state = join(place, 'state');
    expect(await desk.fails(['build', recipe, '--state', state])).toMatchObject({
      code: 'STATE_INVALID',
      exit: 9,
    });
  });
  await writeFile(join(place, 'file'), '');
  const state = join(place, 'file');
  expect(await desk.fails(['build', recipe, '--state', state])).toMatchObject({
    code: 'STATE_INVALID',
    exit: 9,
  });
  expect(await desk.fails(['gc', '--state', join(state, 'below')])).toMatchObject({ code: 'STATE_INVALID' });
});

test('a state directory on a file system that overlays cannot use', async () => {
  const place = desk.path('elsewhere');
  await mkdir(place);
  await run('mount', ['-t', 'ramfs', 'small', place]);
  try {
    const error = await desk.fails(['build', recipe, '--state', join(place, 'state')]);
    expect(error).toMatchObject({ code: 'HOST_MISSING', exit: 8 });
    expect(error.hint).toContain('--state');
  } finally {
    await run('umount', [place]);
  }
});

/** Runs the command in mounts of its own, after the shell has changed something there. */
const changed = (script: string, place = 'sh') => [
  'unshare',
  '--mount',
  'sh',
  '-ec',
  `${script}\nexec "$@"`,
  place,
];

/** Takes files out of a directory, for this command alone. */
function without(directory: string, names: string[]): string[] {
  const [upper, work] = [desk.path('upper'), desk.path('work')];
  // In a list of options some characters of a path would mean something: the checkout's is named by a dot.
  const overlay = `mount -t overlay overlay -o lowerdir=.,upperdir=${upper},workdir=${work} "$0"`;
  const script = `mkdir ${upper} ${work}\ncd "$0"\n${overlay}\ncd "$0"\nrm ${names.join(' ')}\ncd /`;
  return changed(script, directory);
}

test.each(['rpm', 'rpmkeys', 'gpg'])('without the program %s', async (program) => {
  const wrapper = without('/usr/bin', [program]);
  const error = await desk.fails(['build', recipe], { wrapper });
  expect(error).toMatchObject({ code: 'HOST_MISSING', exit: 8, details: { program } });
  await rm(desk.path('work'), { recursive: true });
  await rm(desk.path('upper'), { recursive: true });
  const doctor = await desk.fails(['doctor'], { wrapper });
  expect(doctor).toMatchObject({ code: 'HOST_MISSING', exit: 8 });
  expect(doctor.message).toContain(program);
  expect(doctor.hint).toContain('install');
});

test.each(['gzip', 'zstd'])('doctor misses %s, and says what brings it', async (program) => {
  const doctor = await desk.fails(['doctor'], { wrapper: without('/usr/bin', [program]) });
  expect(doctor).toMatchObject({ code: 'HOST_MISSING', exit: 8 });
  expect(doctor.message).toContain(program);
  expect(doctor.hint).toMatch(new RegExp(`install ${program}\\b`));
});

test('without an OCI runtime, or with one that does not start', async () => {
  const broken = changed(
    'for path in runc crun; do ! p=$(command -v $path) || mount --bind /dev/null $p; done',
  );
  for (const args of [['build', recipe], ['doctor']]) {
    const error = await desk.fails(args, { wrapper: broken });
    expect(error).toMatchObject({ code: 'HOST_MISSING', exit: 8 });
    expect(error.hint).toContain('runc');
  }
});

test('without the native addon', async () => {
  const wrapper = without(join(checkout, 'native/build'), ['milliner.node']);
  const error = await desk.fails(['build', recipe], { wrapper });
  expect(error).toMatchObject({ code: 'HOST_MISSING', exit: 8 });
  expect(error.message).toContain('milliner.node');
});

test('not as root, or as a root that may not mount', async () => {
  for (const args of [['build', recipe], ['lock', recipe], ['gc']]) {
    expect(await desk.fails(args, { wrapper: asNobody })).toMatchObject({ code: 'NOT_ROOT', exit: 8 });
  }
  expect(await desk.fails(['doctor'], { wrapper: asNobody })).toMatchObject({
    code: 'HOST_MISSING',
    exit: 8,
  });
  const powerless = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
  expect(await desk.fails(['build', recipe], { wrapper: powerless })).toMatchObject({
    code: 'NOT_ROOT',
    exit: 8,
  });
});
