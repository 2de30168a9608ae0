/** Real packages of every compressor, held against what rpm says of them. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { bytesOf } from '../../../src/lib/host/paths.ts';
import { capabilityXattr } from '../../../src/lib/rpm/capabilities.ts';
import { dependencyKinds } from '../../../src/lib/rpm/dependencies.ts';
import { readPackage, type RpmPackage } from '../../../src/lib/rpm/package.ts';
import { readPayload } from '../../helpers/payload-reader/payload.ts';
import { build, everythingSpec, payloads } from '../../helpers/rpm/fixtures.ts';

let directory: string;
const built = new Map<string, string>();

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-rpm-'));
  for (const payload of payloads) {
    const [path = ''] = await build(directory, everythingSpec, payload);
    built.set(payload, path);
  }
});
afterAll(() => rm(directory, { recursive: true, force: true }));

function everything(payload: (typeof payloads)[number] = 'w3.zstdio'): Promise<RpmPackage> {
  return readPackage(built.get(payload) ?? '');
}

/** rpm's own answer, one list of fields for each line, cut at a byte that no field holds. */
async function query(path: string, format: string): Promise<string[][]> {
  const { stdout } = await run('rpm', ['-qp', '--nosignature', '--qf', format, path]);
  const lines = stdout.split('\u001e').slice(0, -1);
  return lines.map((line) => line.split('\u001f'));
}

test('names, files and dependencies are what rpm reads', async () => {
  const pkg = await everything();
  expect(pkg.nevra).toBe('everything-7:2~rc1-3^git4.noarch');
  expect(await query(pkg.path, '%{NEVRA}\u001f%{SOURCERPM}\u001f%{SIZE}\u001f%{BUILDTIME}\u001e')).toEqual([
    [pkg.nevra, pkg.sourceRpm, String(pkg.size), String(pkg.buildTime)],
  ]);
  const fields = ['FILEMODES', 'FILEUSERNAME', 'FILEGROUPNAME', 'FILESIZES', 'FILEMTIMES', 'FILELINKTOS'];
  const more = ['FILECAPS', 'FILEINODES', 'FILERDEVS', 'FILEVERIFYFLAGS'];
  const format = [...fields, ...more].map((tag) => `%{${tag}}`).join('\u001f');
  const ours = pkg.files.map((it) => {
    const rdev = (it.deviceMajor << 8) | it.deviceMinor;
    const owned = [it.mode, it.user, it.group, it.size, it.mtime, it.linkTarget ?? ''];
    return [...owned, it.capabilities, it.inode, rdev, it.verifyFlags];
  });
  expect(ours.map((it) => it.map(String))).toEqual(await query(pkg.path, `[${format}\u001e]`));
  for (const kind of Object.keys(dependencyKinds) as (keyof typeof dependencyKinds)[]) {
    const stem = dependencyKinds[kind];
    const asked = `[%{${stem}NAME}\u001f%{${stem}FLAGS}\u001f%{${stem}VERSION}\u001e]`;
    const found = (await query(pkg.path, asked)).filter(([name]) => name !== '(none)');
    expect(pkg[kind].map((it) => [it.name, String(it.flags), it.version])).toEqual(found);
  }
});

test('scriptlets and triggers carry their programs and conditions', async () => {
  const { scriptlets } = await everything();
  expect(scriptlets).toMatchObject([
    { kind: 'pretrans', interpreter: ['<lua>'], body: 'print("pretrans")' },
    { kind: 'pre', interpreter: ['/bin/sh'] },
    { kind: 'post', interpreter: ['/sbin/ldconfig'], body: '' },
    { kind: 'posttrans', body: 'echo posttrans' },
    { kind: 'verify' },
    { kind: 'triggerin', conditions: [{ name: 'bash' }, { name: 'zsh', version: '5' }] },
    { kind: 'filetriggerin', conditions: [{ name: '/usr/lib' }, { name: '/usr/lib64' }], priority: 500 },
    { kind: 'transfiletriggerpostun', conditions: [{ name: '/usr/share' }] },
  ]);
});

test.each(payloads)('every file comes once, with all its names: %s', async (payload) => {
  const pkg = await everything(payload);
  const names: string[] = [];
  for await (const { links, content } of readPayload(pkg)) {
    names.push(...links.map((file) => file.path));
    const hash = createHash('sha256');
    for await (const piece of content) hash.update(piece);
    expect(hash.digest('hex')).toBe(links[0].digest?.hex);
    if (links.length > 1) {
      expect(links.map((file) => file.path)).toEqual([
        'opt/every/hard1',
        'opt/every/hard2',
        'opt/every/private/hard3',
      ]);
    }
  }
  const regular = pkg.files.filter((file) => (file.mode & 0o170000) === 0o100000 && !file.flags.ghost);
  expect(names.toSorted()).toEqual(regular.map((file) => file.path).toSorted());
});

test('bytes that are no UTF-8 keep their place', async () => {
  const { files } = await everything();
  const file = files.find((it) => it.path.includes('caf'));
  expect(file && bytesOf(file.path).toString('latin1')).toBe('opt/every/caf\u00e9');
});

test('file capabilities become the xattr that setcap writes', async () => {
  const { files } = await everything();
  const text = files.find((it) => it.capabilities)?.capabilities ?? '';
  const xattr = capabilityXattr(text, (what) => new Error(what));
  expect(xattr?.toString('hex')).toBe('0100000200300000000000000000000000000000');
});
