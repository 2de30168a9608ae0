import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { expandGroups, readComps, type Comps } from '../../../src/stages/repo/comps.ts';

const xml = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<comps>
 <group><id>core</id><name>Core</name><name xml:lang="de">Kern</name><packagelist>
  <packagereq type="mandatory">bash</packagereq>
  <packagereq type="default">less</packagereq>
  <packagereq type="optional">nano</packagereq>
  <packagereq type="conditional" requires="gnome">gnome-extra</packagereq>
  <packagereq arch="s390x">s390utils</packagereq>
  <packagereq basearchonly="true">grub</packagereq>
 </packagelist></group>
 <group><id>web</id><name>Web Server</name><packagelist><packagereq>httpd</packagereq></packagelist></group>
 <environment><id>server</id><name>Server</name>
  <grouplist><groupid>core</groupid></grouplist><optionlist><groupid>web</groupid></optionlist>
 </environment>
</comps>`;
const core = [
  { name: 'bash' },
  { name: 'less' },
  { name: 'gnome-extra', onlyWith: 'gnome' },
  { name: 'grub.x86_64' },
];

let directory: string;
let comps: Comps;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'comps-'));
  await writeFile(join(directory, 'comps.xml'), xml);
  comps = await readComps(join(directory, 'comps.xml'));
});
afterAll(() => rm(directory, { recursive: true }));

test('groups and environments expand as in dnf', () => {
  const expand = (...words: string[]) => expandGroups([comps], words, 'x86_64');
  expect(expand('@core')).toEqual(core);
  expect(expand('@^server')).toEqual(core);
  expect(expand('@server')).toEqual(core);
  expect(expand('@Web server', '@core')).toEqual([{ name: 'httpd' }, ...core]);
  expect(expandGroups([comps], ['@core'], 's390x').map((member) => member.name)).toContain('s390utils');
});

test('a group of several repositories is their union', () => {
  const more = { name: 'zsh', type: 'default', requires: '', arches: [], baseArchOnly: false };
  const other = { groups: [{ id: 'core', name: 'Core', packages: [more] }], environments: [] };
  expect(expandGroups([comps, other], ['@core'], 'x86_64')).toEqual([...core, { name: 'zsh' }]);
});

test('a group that nobody has', () => {
  for (const word of ['@nothing', '@^core']) {
    expect(() => expandGroups([comps], [word], 'x86_64')).toThrow(
      expect.objectContaining({ code: 'SOLVE_FAILED' }),
    );
  }
});

test('every compression', async () => {
  const path = (name: string) => join(directory, name);
  await writeFile(path('c.xml.gz'), gzipSync(xml));
  await writeFile(path('c.xml.zst'), zstdCompressSync(xml));
  for (const program of ['xz', 'bzip2']) await run(program, ['--keep', path('comps.xml')]);
  for (const name of ['c.xml.gz', 'c.xml.zst', 'comps.xml.xz', 'comps.xml.bz2']) {
    expect(await readComps(path(name))).toEqual(comps);
  }
  for (const name of ['bad.xml.gz', 'bad.xml.zst', 'bad.xml.xz', 'bad.xml.bz2', 'bad.xml']) {
    await writeFile(path(name), 'not what it says');
    await expect(readComps(path(name))).rejects.toMatchObject({ code: 'REPO_INVALID' });
  }
});

test('a word may name the types of packages, and must not be taken apart at any other slash', () => {
  const expand = (word: string) => expandGroups([comps], [word], 'x86_64').map((member) => member.name);
  expect(expand('@core/optional')).toEqual(['nano']);
  expect(expand('@core/mandatory,optional')).toEqual(['bash', 'nano', 'grub.x86_64']);
  expect(() => expand('@core/all')).toThrow(expect.objectContaining({ code: 'SOLVE_FAILED' }));
});

test('bombs', async () => {
  const path = join(directory, 'bomb.xml.gz');
  for (const inside of ['x'.repeat(34_000_000), '<a/>'.repeat(400_001)]) {
    await writeFile(path, gzipSync(`<comps>${inside}</comps>`));
    await expect(readComps(path)).rejects.toMatchObject({ code: 'REPO_INVALID' });
  }
});
