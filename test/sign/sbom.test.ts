/** The bill of materials is valid SPDX 2.3, and lists what `rpm -qa` lists. */
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { mkdir, mkdtemp, readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../src/host/exec.ts';
import { readInstalled } from '../../src/rpm/database.ts';
import { makeSbom, type SbomInput, type SbomPackage } from '../../src/sign/sbom.ts';
import { build, everythingSpec, familySpec } from '../rpm/fixtures.ts';
import { tinyPackages } from '../tiny/tiny.ts';

interface Document {
  SPDXID: string;
  documentNamespace: string;
  packages: {
    SPDXID: string;
    name: string;
    versionInfo: string;
    licenseDeclared: string;
    primaryPackagePurpose?: string;
    checksums?: { checksumValue: string }[];
    externalRefs: { referenceLocator: string }[];
  }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
  hasExtractedLicensingInfos?: { licenseId: string }[];
}

let directory: string;
let installed: Awaited<ReturnType<typeof readInstalled>>;
let listed: string[];
const digest = `sha256:${'ab'.repeat(32)}`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'milliner-sbom-'));
  const root = join(directory, 'root');
  await mkdir(root);
  const packages = [
    ...(await build(directory, familySpec(['zeta', 'alpha']), 'w9.gzdio')),
    ...(await build(directory, everythingSpec)),
  ];
  const tiny = await tinyPackages();
  packages.push(
    ...(await readdir(tiny.packages))
      .filter((name) => name.endsWith('.rpm'))
      .map((name) => join(tiny.packages, name)),
  );
  const rpm = ['--root', root, '--dbpath', '/usr/lib/sysimage/rpm'];
  await run('rpm', [
    ...rpm,
    '-U',
    '--justdb',
    '--nodeps',
    '--noscripts',
    '--notriggers',
    '--nosignature',
    '--noplugins',
    '--replacefiles',
    ...packages,
  ]);
  await run('rpmkeys', [...rpm, '--import', tiny.key]);
  const all = await run('rpm', [...rpm, '-qa', '--qf', '%{NAME} %{EVR} %{ARCH}\n']);
  listed = all.stdout.trim().split('\n');
  installed = await readInstalled(join(root, 'usr/lib/sysimage/rpm/rpmdb.sqlite'));
});
afterAll(() => run('rm', ['-rf', directory]));

const input = (packages: readonly SbomPackage[]): SbomInput => ({
  name: 'tiny',
  manifestDigest: digest,
  epoch: 1_700_000_000,
  packages,
  checksums: new Map([[packages[0]?.nevra ?? '', 'cd'.repeat(32)]]),
  distribution: { id: 'fedora', versionId: '43' },
  tool: 'milliner-0.1.0',
});
const sbom = (packages: readonly SbomPackage[] = installed) =>
  makeSbom(input(packages)) as unknown as Document;

test('it lists what rpm -qa lists, without the public keys', () => {
  const document = sbom();
  const software = document.packages.filter(
    ({ primaryPackagePurpose }) => primaryPackagePurpose === undefined,
  );
  const ours = software.map(({ name, versionInfo, externalRefs }) => {
    const arch = /\?arch=([^&]+)/.exec(externalRefs[0]!.referenceLocator)?.[1];
    return `${name} ${versionInfo} ${arch}`;
  });
  const keys = listed.filter((line) => line.startsWith('gpg-pubkey '));
  expect(keys).toHaveLength(1);
  expect(ours.toSorted()).toEqual(listed.filter((line) => !keys.includes(line)).toSorted());
  expect(ours.length).toBeGreaterThan(5);
});

test('it is valid SPDX 2.3', async () => {
  const schema = JSON.parse(
    await readFile(join(import.meta.dirname, 'spdx-schema-2.3.json'), 'utf8'),
  ) as object;
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(schema);
  expect(validate(sbom()), JSON.stringify(validate.errors)).toBe(true);
});

test('the document describes the image, which contains each package once', () => {
  const { packages, relationships, ...document } = sbom();
  const ids = packages.map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  const [image, system, ...software] = ids;
  expect(packages[0]!.primaryPackagePurpose).toBe('CONTAINER');
  expect(relationships).toEqual([
    { spdxElementId: document.SPDXID, relationshipType: 'DESCRIBES', relatedSpdxElement: image },
    { spdxElementId: document.SPDXID, relationshipType: 'DESCRIBES', relatedSpdxElement: system },
    { spdxElementId: image, relationshipType: 'CONTAINS', relatedSpdxElement: system },
    ...software.map((id) => ({ spdxElementId: image, relationshipType: 'CONTAINS', relatedSpdxElement: id })),
  ]);
});

test('every licence that is named is of the SPDX list or of the document', () => {
  const { packages, hasExtractedLicensingInfos = [] } = sbom();
  const own = hasExtractedLicensingInfos.map(({ licenseId }) => licenseId);
  const named = packages.flatMap(
    ({ licenseDeclared }) => licenseDeclared.match(/LicenseRef-[A-Za-z0-9.-]+/g) ?? [],
  );
  expect([...new Set(named)].toSorted()).toEqual(own);
});

test('the same packages in any order are the same bytes; other content is another document', () => {
  const text = (document: Document) => JSON.stringify(document);
  const first = installed.find(({ arch }) => arch !== '')!;
  const same = (packages: SbomPackage[]) =>
    makeSbom({ ...input(installed), packages }) as unknown as Document;
  expect(text(same(installed.toReversed()))).toBe(text(same([...installed])));
  const other = same(installed.filter((one) => one !== first));
  expect(other.documentNamespace).not.toBe(sbom().documentNamespace);
});

test('checksums of the lock are in it', () => {
  const [first] = installed;
  const found = sbom().packages.find(({ checksums }) => checksums?.[0]?.checksumValue === 'cd'.repeat(32));
  expect(found?.name).toBe(first!.name);
});
