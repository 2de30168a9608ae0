import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { cvesOf, readUpdateinfo, type Advisory } from '../../../src/stages/repo/updateinfo.ts';

const xml = `<?xml version="1.0" encoding="UTF-8"?>
<updates>
 <update from="a@b" status="stable" type="Security" version="2.0">
  <id>FEDORA-2026-1</id><title>tool-2-1 — CVE-2026-1001</title><severity>Important</severity>
  <issued date="2026-11-02 10:20:30"/><updated date="1793620830"/>
  <references>
   <reference href="https://b/1" id="1" title="cve-2026-1002 tool: overflow &amp; more" type="bugzilla"/>
   <reference href="https://c/2" id="CVE-2026-1003" type="cve">As old ones have it</reference>
  </references>
  <description>Unlike CVE-2026-9999, &lt;this&gt; was <![CDATA[urgent]]></description>
  <pkglist>
   <collection short="F"><name>Fedora</name>
    <package name="tool" epoch="1" version="2" release="1" arch="x86_64"><filename>tool.rpm</filename>
     <reboot_suggested>True</reboot_suggested><relogin_suggested>0</relogin_suggested></package>
    <package name="tool" version="2" release="1" arch="noarch"/><package version="2"/>
   </collection>
   <collection short="M"><module name="perl" stream="5.32" version="1" context="c" arch="x86_64"/>
    <package name="perl" version="5" release="1" arch="x86_64"/></collection>
  </pkglist>
 </update>
 <update type="bugfix"><id>FEDORA-2026-2</id><issued date="yesterday"/></update>
 <update><title>without an id</title></update>
</updates>`;

let directory: string;
beforeAll(async () => void (directory = await mkdtemp(join(tmpdir(), 'updateinfo-'))));
afterAll(() => rm(directory, { recursive: true }));

async function read(bytes: string | Uint8Array, ending = '.xml'): Promise<Advisory[]> {
  const path = join(directory, `updateinfo${ending}`);
  await writeFile(path, bytes);
  return Array.fromAsync(readUpdateinfo(path));
}

const invalid = { code: 'REPO_INVALID' };

test('all that it says', async () => {
  const [first, second, ...others] = await read(xml);
  expect(others).toEqual([]);
  const tool = { name: 'tool', version: '2', release: '1' };
  expect(first).toEqual({
    id: 'FEDORA-2026-1',
    type: 'security',
    severity: 'Important',
    title: 'tool-2-1 — CVE-2026-1001',
    issued: '2026-11-02T10:20:30Z',
    updated: new Date(1793620830_000).toISOString().replace('.000', ''),
    references: [
      { type: 'bugzilla', id: '1', href: 'https://b/1', title: 'cve-2026-1002 tool: overflow & more' },
      { type: 'cve', id: 'CVE-2026-1003', href: 'https://c/2', title: 'As old ones have it' },
    ],
    collections: [
      {
        name: 'Fedora',
        packages: [
          { ...tool, epoch: 1, arch: 'x86_64', suggests: ['reboot'] },
          { ...tool, epoch: 0, arch: 'noarch', suggests: [] },
        ],
      },
      {
        name: '',
        module: { name: 'perl', stream: '5.32' },
        packages: [{ name: 'perl', epoch: 0, version: '5', release: '1', arch: 'x86_64', suggests: [] }],
      },
    ],
  });
  expect(cvesOf(first!)).toEqual(['CVE-2026-1001', 'CVE-2026-1002', 'CVE-2026-1003']);
  expect(second).toMatchObject({ id: 'FEDORA-2026-2', severity: 'None', issued: '', collections: [] });
});

test('every compression', async () => {
  const plain = await read(xml);
  const half = Math.floor(xml.length / 2);
  const twoFrames = [xml.slice(0, half), xml.slice(half)].map((part) => zstdCompressSync(part));
  expect(await read(gzipSync(xml), '.xml.gz')).toEqual(plain);
  expect(await read(Buffer.concat(twoFrames), '.xml.zst')).toEqual(plain);
  for (const [program, ending] of [
    ['xz', '.xz'],
    ['bzip2', '.bz2'],
  ] as const) {
    await read(xml);
    await run(program, ['--force', '--keep', join(directory, 'updateinfo.xml')]);
    expect(await Array.fromAsync(readUpdateinfo(join(directory, `updateinfo.xml${ending}`)))).toEqual(plain);
  }
  for (const ending of ['.gz', '.zst', '.xz', '.bz2']) {
    await expect(read('not what it says', `.xml${ending}`)).rejects.toMatchObject(invalid);
  }
  await expect(read(gzipSync(xml).subarray(0, 300), '.xml.gz')).rejects.toMatchObject(invalid);
});

test('bombs are refused before they fill the memory', async () => {
  const many = '<package name="a" version="1" release="1" arch="noarch"/>'.repeat(200_000);
  const bombs = [
    `<updates><update><description>${'x'.repeat(18_000_000)}</description></update></updates>`,
    `<updates><!--${'x'.repeat(18_000_000)}--></updates>`,
    `<updates a="${'x'.repeat(18_000_000)}"/>`,
    `<updates><update><pkglist><collection>${many}</collection></pkglist></update></updates>`,
    `${'<a>'.repeat(100)}${'</a>'.repeat(100)}`,
    '<!DOCTYPE u [<!ENTITY a "aaaa">]><updates><update><id>&a;</id></update></updates>',
  ];
  for (const bomb of bombs) await expect(read(gzipSync(bomb), '.xml.gz')).rejects.toMatchObject(invalid);
});
