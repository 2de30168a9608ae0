/** Bills of materials as others read them: held to the published schemas, and told in rpm's words. */
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { Ajv } from 'ajv';
import formats from 'ajv-formats';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/lib/host/exec.ts';

interface Checksum {
  algorithm: string;
  checksumValue: string;
}

export interface Spdx {
  SPDXID: string;
  name: string;
  documentNamespace: string;
  comment?: string;
  packages: SpdxPackage[];
  files?: { SPDXID: string; fileName: string; checksums: Checksum[]; comment: string }[];
  relationships: { spdxElementId: string; relationshipType: string; relatedSpdxElement: string }[];
  hasExtractedLicensingInfos?: { licenseId: string }[];
}

export interface SpdxPackage {
  SPDXID: string;
  name: string;
  versionInfo: string;
  sourceInfo?: string;
  licenseDeclared: string;
  primaryPackagePurpose?: string;
  filesAnalyzed: boolean;
  packageVerificationCode?: { packageVerificationCodeValue: string };
  checksums?: Checksum[];
  annotations?: { comment: string }[];
  externalRefs?: { referenceLocator: string }[];
}

export interface CycloneDx {
  serialNumber: string;
  metadata: { component: Component & { pedigree?: { ancestors: Component[] } } };
  components: Component[];
  compositions?: { aggregate: string }[];
}

interface Component {
  type: string;
  name: string;
  version?: string;
  purl?: string;
  hashes?: { alg: string; content: string }[];
  properties?: { name: string; value: string }[];
  components?: Component[];
}

/** What the schema that came with SPDX 2.3 has against it. */
export async function spdxFaults(document: unknown): Promise<unknown[]> {
  const path = join(import.meta.dirname, 'spdx-schema-2.3.json');
  const ajv = new Ajv({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(JSON.parse(await readFile(path, 'utf8')) as object);
  return validate(document) ? [] : validate.errors!;
}

/** What CycloneDX's own library has against it: nothing beside the schema of 1.6 may be there. */
export async function cyclonedxFaults(document: unknown): Promise<unknown> {
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  return validator.validate(JSON.stringify(document));
}

export const isRpm = (purl: string | undefined) => purl?.startsWith('pkg:rpm/') === true;
export const purlOf = ({ externalRefs }: SpdxPackage) => externalRefs?.[0]?.referenceLocator;
const qualifier = (purl: string, name: string) => new RegExp(`[?&]${name}=([^&]+)`).exec(purl)?.[1] ?? '';

/** NAME EPOCH VERSION-RELEASE ARCH SOURCE of each rpm, in order. */
export function spdxRpms({ packages }: Spdx): string[] {
  return packages
    .filter((one) => isRpm(purlOf(one)))
    .map((one) => {
      const [, epoch = '0', evr = ''] = /^(?:(\d+):)?(.+)$/.exec(one.versionInfo) ?? [];
      const source = /^built package from: (\S+) (?:\d+:)?(\S+)$/.exec(one.sourceInfo ?? '');
      const arch = qualifier(purlOf(one)!, 'arch');
      return [one.name, epoch, evr, arch, source ? `${source[1]}-${source[2]}` : ''].join(' ');
    })
    .toSorted();
}

export function cyclonedxRpms({ components }: CycloneDx): string[] {
  return components
    .filter(({ purl }) => isRpm(purl))
    .map(({ name, version = '', purl = '', properties = [] }) => {
      const property = (key: string) =>
        properties.find((one) => one.name === `aquasecurity:trivy:${key}`)?.value;
      const source = ['SrcName', 'SrcVersion', 'SrcRelease'].map(property).join('-');
      const epoch = qualifier(purl, 'epoch') || '0';
      return [name, epoch, version.replace(/^\d+:/, ''), qualifier(purl, 'arch'), source].join(' ');
    })
    .toSorted();
}

/** The same as rpm tells it of a database below a root. */
export async function installedRpms(root: string, dbPath = '/usr/lib/sysimage/rpm'): Promise<string[]> {
  const format = '%{NAME} %{EPOCHNUM} %{VERSION}-%{RELEASE} %{ARCH} %{SOURCERPM}\\n';
  const { stdout } = await run('rpm', ['--root', root, '--dbpath', dbPath, '-qa', '--qf', format]);
  return stdout
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('gpg-pubkey '))
    .map((line) => line.replace(/\.(?:no)?src\.rpm$/, ''))
    .toSorted();
}

export interface ListedFile {
  sha1: string | undefined;
  sha256: string | undefined;
  layer: string;
}

/** By absolute path. */
export function spdxFiles({ files = [] }: Spdx): Map<string, ListedFile> {
  return new Map(
    files.map(({ fileName, checksums, comment }) => {
      const sum = (algorithm: string) => checksums.find((one) => one.algorithm === algorithm)?.checksumValue;
      const layer = comment.replace('layerID: ', '');
      return [fileName.slice(1), { sha1: sum('SHA1'), sha256: sum('SHA256'), layer }];
    }),
  );
}

export function cyclonedxFiles({ components }: CycloneDx): Map<string, ListedFile> {
  const files = components.flatMap((one) => (one.type === 'file' ? [one] : (one.components ?? [])));
  return new Map(
    files.map(({ name, hashes = [], properties = [] }) => {
      const sum = (alg: string) => hashes.find((one) => one.alg === alg)?.content;
      const layer = properties.find((one) => one.name === 'aquasecurity:trivy:LayerDiffID')?.value ?? '';
      return [name, { sha1: sum('SHA-1'), sha256: sum('SHA-256'), layer }];
    }),
  );
}

/** Names of the packages that have each file; those without any are the image's own. */
export function spdxOwners({ packages, files = [], relationships }: Spdx): Map<string, string[]> {
  const names = new Map(packages.map((one) => [one.SPDXID, isRpm(purlOf(one)) ? one.name : '']));
  const paths = new Map(files.map(({ SPDXID, fileName }) => [SPDXID, fileName.slice(1)]));
  const owners = new Map<string, string[]>();
  for (const { spdxElementId, relationshipType, relatedSpdxElement } of relationships) {
    const path = paths.get(relatedSpdxElement);
    if (relationshipType !== 'CONTAINS' || path === undefined) continue;
    owners.set(path, [...(owners.get(path) ?? []), names.get(spdxElementId) ?? spdxElementId].toSorted());
  }
  return owners;
}

export function cyclonedxOwners({ components }: CycloneDx): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const one of components) {
    const [owner, files] = one.type === 'file' ? ['', [one]] : [one.name, one.components ?? []];
    for (const { name } of files) owners.set(name, [...(owners.get(name) ?? []), owner].toSorted());
  }
  return owners;
}

export interface Sums {
  sha1: string;
  sha256: string;
}

/** Digests of each regular file below a directory as coreutils has them, by absolute path in it. */
export async function sumsBelow(root: string): Promise<Map<string, Sums>> {
  const sums = async (program: string) => {
    const command = ['.', '-type', 'f', '-exec', program, '{}', '+'];
    const { stdout } = await run('find', command, { cwd: root });
    return stdout
      .trim()
      .split('\n')
      .map((line) => [line.slice(line.indexOf(' ') + 3), line.slice(0, line.indexOf(' '))] as const);
  };
  const sha256 = new Map(await sums('sha256sum'));
  const sha1 = await sums('sha1sum');
  return new Map(sha1.map(([path, sum]) => [path, { sha1: sum, sha256: sha256.get(path)! }]));
}
