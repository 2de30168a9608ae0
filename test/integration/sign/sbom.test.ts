/** Both bills of materials are valid, list what `rpm -qa` lists, and say the same of the same image. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { readInstalled } from '../../../src/lib/rpm/database.ts';
import { cyclonedxDocument } from '../../../src/stages/sign/cyclonedx.ts';
import { sbomFacts, type SbomFile, type SbomInput } from '../../../src/stages/sign/sbom.ts';
import { spdxDocument } from '../../../src/stages/sign/spdx.ts';
import { build, everythingSpec, familySpec } from '../../helpers/rpm/fixtures.ts';
import {
  cyclonedxFaults,
  cyclonedxFiles,
  cyclonedxOwners,
  cyclonedxRpms,
  installedRpms,
  purlOf,
  spdxFaults,
  spdxFiles,
  spdxOwners,
  spdxRpms,
  type CycloneDx,
  type Spdx,
} from '../../helpers/sbom-readers.ts';
import { tinyPackages } from '../../helpers/tiny/tiny.ts';

let directory: string;
let installed: Awaited<ReturnType<typeof readInstalled>>;
let listed: string[];
let usual: SbomInput;
const digest = `sha256:${'ab'.repeat(32)}`;
const base = { name: 'registry.example.com:5000/bases/hat:1', manifestDigest: `sha256:${'ef'.repeat(32)}` };
const layers = ['aa', 'bb'].map((byte) => `sha256:${byte.repeat(32)}`);

const hashed = (path: string, layer: string, owners: string[]): SbomFile => {
  const sum = (algorithm: string) => createHash(algorithm).update(path).digest('hex');
  return { path, sha1: sum('sha1'), sha256: sum('sha256'), layer, owners };
};

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
  const only = ['--justdb', '--nodeps', '--noscripts', '--notriggers', '--nosignature', '--noplugins'];
  await run('rpm', [...rpm, '-U', ...only, '--replacefiles', ...packages]);
  await run('rpmkeys', [...rpm, '--import', tiny.key]);
  listed = await installedRpms(root);
  installed = await readInstalled(join(root, 'usr/lib/sysimage/rpm/rpmdb.sqlite'));
  const [one, other] = installed.filter(({ arch }) => arch !== '').map(({ nevra }) => nevra);
  usual = {
    name: 'tiny',
    manifestDigest: digest,
    epoch: 1_700_000_000,
    packages: installed,
    checksums: new Map([[one!, 'cd'.repeat(32)]]),
    files: [
      hashed('usr/bin/of-both', layers[0]!, [one!, other!]),
      hashed('usr/bin/of-one', layers[0]!, [one!]),
      hashed("etc/nobody's \u00e9", layers[1]!, []),
    ],
    distribution: { id: 'rhel', versionId: '8.10' },
    base,
    tool: { name: 'milliner', version: '0.1.0' },
  };
});
afterAll(() => run('rm', ['-rf', directory]));

const spdx = (change: Partial<SbomInput> = {}) =>
  spdxDocument(sbomFacts({ ...usual, ...change })) as unknown as Spdx;
const cyclonedx = (change: Partial<SbomInput> = {}) =>
  cyclonedxDocument(sbomFacts({ ...usual, ...change })) as unknown as CycloneDx;

test('they list what rpm -qa lists, with epochs and sources, without the public keys', () => {
  expect(
    listed.filter((line) => line.startsWith('everything 7 2~rc1-3^git4 noarch everything-')),
  ).toHaveLength(1);
  expect(listed.length).toBeLessThan(installed.length);
  expect(spdxRpms(spdx())).toEqual(listed);
  expect(cyclonedxRpms(cyclonedx())).toEqual(listed);
});

test('they are valid SPDX 2.3 and CycloneDX 1.6, with files, and with too many of them', async () => {
  for (const change of [{}, { files: 'untold' as const }, { distribution: undefined, base: undefined }]) {
    expect(await spdxFaults(spdx(change))).toEqual([]);
    expect(await cyclonedxFaults(cyclonedx(change))).toBe(null);
  }
  expect(await spdxFaults({ ...spdx(), files: [{ fileName: './x' }] })).not.toEqual([]);
  expect(await cyclonedxFaults({ ...cyclonedx(), files: [] })).not.toBe(null);
});

test('the operating system is a package by the name that Trivy knows, and its ID for grype', () => {
  const system = spdx().packages.find(({ SPDXID }) => SPDXID.startsWith('SPDXRef-OperatingSystem'))!;
  expect(system).toMatchObject({ name: 'redhat', versionInfo: '8.10' });
  expect(cyclonedx().components[0]).toMatchObject({
    type: 'operating-system',
    name: 'redhat',
    version: '8.10',
    properties: [
      { name: 'syft:distro:id', value: 'rhel' },
      { name: 'syft:distro:versionID', value: '8.10' },
    ],
  });
});

test('the module of a package is where Trivy looks for it', () => {
  const module = 'nodejs:18:8100020240301:489197e6';
  const [first] = installed;
  const change = { packages: [{ ...first!, module }] };
  expect(spdx(change).packages.at(-1)).toMatchObject({
    name: first!.name,
    attributionTexts: [`Modularitylabel: ${module}`],
  });
  expect(cyclonedx(change).components.find(({ name }) => name === first!.name)?.properties).toContainEqual({
    name: 'aquasecurity:trivy:Modularitylabel',
    value: module,
  });
});

test('the document is named after the image, and describes it with all that it contains', () => {
  const { packages, files, relationships, ...document } = spdx();
  expect(document.name).toBe(`tiny@${digest}`);
  const ids = packages.map(({ SPDXID }) => SPDXID);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
  const [image, system, below, ...software] = ids;
  const relation = (from: string, relationshipType: string, to: string) => ({
    spdxElementId: from,
    relationshipType,
    relatedSpdxElement: to,
  });
  expect(packages[0]!.primaryPackagePurpose).toBe('CONTAINER');
  const ofFiles = new Set(files!.map(({ SPDXID }) => SPDXID));
  expect(relationships.filter(({ relatedSpdxElement }) => !ofFiles.has(relatedSpdxElement))).toEqual([
    relation(document.SPDXID, 'DESCRIBES', image!),
    relation(document.SPDXID, 'DESCRIBES', system!),
    relation(image!, 'CONTAINS', system!),
    relation(image!, 'DESCENDANT_OF', below!),
    ...software.map((id) => relation(image!, 'CONTAINS', id)),
  ]);
});

test('the base is in both, as its reference leads to it', () => {
  const purl = `pkg:oci/hat@sha256%3A${'ef'.repeat(32)}?repository_url=registry.example.com%3A5000%2Fbases%2Fhat&tag=1`;
  const below = spdx().packages.find(({ SPDXID }) => SPDXID === 'SPDXRef-Base')!;
  expect([below.name, below.versionInfo, purlOf(below)]).toEqual([base.name, base.manifestDigest, purl]);
  expect(below.annotations!.map(({ comment }) => comment)).toEqual([
    '{"name":"konflux:container:is_base_image","value":"true"}',
  ]);
  const { ancestors } = cyclonedx().metadata.component.pedigree!;
  expect(ancestors).toMatchObject([{ name: base.name, version: base.manifestDigest, purl }]);
});

test('each file has its digests, its layer and its owners in both', () => {
  const expected = (usual.files as SbomFile[]).map(({ path, sha1, sha256, layer }): [string, object] => [
    `/${path}`,
    { sha1, sha256, layer },
  ]);
  expect(spdxFiles(spdx())).toEqual(new Map(expected));
  expect(cyclonedxFiles(cyclonedx())).toEqual(new Map(expected));
  const [one, other] = installed.filter(({ arch }) => arch !== '').map(({ name }) => name);
  const owners = new Map([
    ['/usr/bin/of-both', [one!, other!].toSorted()],
    ['/usr/bin/of-one', [one!]],
    ["/etc/nobody's \u00e9", ['']],
  ]);
  expect(spdxOwners(spdx())).toEqual(owners);
  expect(cyclonedxOwners(cyclonedx())).toEqual(owners);
});

test('packages with files have the code that verifies them, the others have not been looked at', () => {
  const code = (...files: SbomFile[]) => {
    const sums = files.map(({ sha1 }) => sha1).toSorted();
    const packageVerificationCodeValue = createHash('sha1').update(sums.join('')).digest('hex');
    return { filesAnalyzed: true, packageVerificationCode: { packageVerificationCodeValue } };
  };
  const [both, ofOne, nobody] = usual.files as [SbomFile, SbomFile, SbomFile];
  const [one, other] = installed.filter(({ arch }) => arch !== '').map(({ name }) => name);
  const byName = new Map(spdx().packages.map((found) => [found.name, found]));
  expect(byName.get('tiny')).toMatchObject(code(both, ofOne, nobody));
  expect(byName.get(one!)).toMatchObject(code(both, ofOne));
  expect(byName.get(other!)).toMatchObject(code(both));
  const analysed = spdx().packages.filter(({ filesAnalyzed }) => filesAnalyzed);
  expect(analysed).toHaveLength(3);
  expect(spdx().packages.filter(({ packageVerificationCode }) => packageVerificationCode)).toEqual(analysed);
});

test('where there are too many files, both say so', () => {
  const [one, other] = [spdx({ files: 'untold' }), cyclonedx({ files: 'untold' })];
  expect(one.comment).toBe('The files of the image are too many to be listed.');
  expect(one.files).toBe(undefined);
  expect(one.packages.some(({ filesAnalyzed }) => filesAnalyzed)).toBe(false);
  expect(other.compositions).toEqual([{ aggregate: 'incomplete' }]);
  expect(cyclonedxFiles(other).size).toBe(0);
});

test('every licence that is named is of the SPDX list or of the document', () => {
  const { packages, hasExtractedLicensingInfos = [] } = spdx();
  const own = hasExtractedLicensingInfos.map(({ licenseId }) => licenseId);
  const named = packages.flatMap(
    ({ licenseDeclared }) => licenseDeclared.match(/LicenseRef-[A-Za-z0-9.-]+/g) ?? [],
  );
  expect([...new Set(named)].toSorted()).toEqual(own);
});

test('the same in any order is the same bytes; other content is another document', () => {
  const files = usual.files as SbomFile[];
  const turned = { packages: installed.toReversed(), files: files.toReversed() };
  expect(JSON.stringify(spdx(turned))).toBe(JSON.stringify(spdx()));
  expect(JSON.stringify(cyclonedx(turned))).toBe(JSON.stringify(cyclonedx()));
  const fewer = { files: files.slice(1) };
  expect(spdx(fewer).documentNamespace).not.toBe(spdx().documentNamespace);
  expect(cyclonedx(fewer).serialNumber).not.toBe(cyclonedx().serialNumber);
});

test('checksums of the lock are in them', () => {
  const [first] = installed;
  const sum = 'cd'.repeat(32);
  const found = spdx().packages.find(({ checksums }) => checksums?.[0]?.checksumValue === sum);
  expect(found?.name).toBe(first!.name);
  expect(cyclonedx().components.find(({ hashes }) => hashes?.[0]?.content === sum)?.name).toBe(first!.name);
});
