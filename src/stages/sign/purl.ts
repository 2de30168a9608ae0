/** Package URLs (https://github.com/package-url/purl-spec): the identifiers in vulnerability databases. */

export interface RpmIdentity {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}

/** An image's operating system, from os-release(5). */
export interface Distribution {
  id: string;
  /** Empty for a distribution without versions. */
  versionId: string;
}

/** Vendors whose namespace differs from the ID in os-release (purl-spec's type rpm). */
const vendors: readonly [RegExp, string][] = [
  [/^rhel$/, 'redhat'],
  [/^opensuse-/, 'opensuse'],
  [/^(?:sles|sled|sles_sap|sle-.+|sl-.+)$/, 'suse'],
];

function vendorOf(id: string): string {
  return vendors.find(([ids]) => ids.test(id))?.[1] ?? id.toLowerCase();
}

/** Operating systems whose name in scanners differs from the ID in os-release (Trivy's families). */
const families: Readonly<Record<string, string>> = {
  rhel: 'redhat',
  almalinux: 'alma',
  ol: 'oracle',
  amzn: 'amazon',
  mariner: 'cbl-mariner',
  opensuse: 'opensuse-leap',
  'sle-micro': 'slem',
  'sle-micro-rancher': 'slem',
  'sl-micro': 'slem',
};

export function scannerName(id: string): string {
  return families[id] ?? id;
}

/** Qualifiers sorted by name, as the specification requires. */
export function rpmPurl(
  distribution: Distribution | undefined,
  { name, epoch, version, release, arch }: RpmIdentity,
): string {
  const { id = '', versionId = '' } = distribution ?? {};
  const vendor = id === '' ? '' : `${escape(vendorOf(id))}/`;
  const qualifiers = [
    `arch=${escape(arch)}`,
    ...(id === '' ? [] : [`distro=${escape(versionId === '' ? id : `${id}-${versionId}`)}`]),
    ...(epoch > 0 ? [`epoch=${epoch}`] : []),
  ];
  return `pkg:rpm/${vendor}${escape(name)}@${escape(`${version}-${release}`)}?${qualifiers.join('&')}`;
}

const purlForm = /^pkg:rpm\/(?:[^/@?#]+\/)?([^/@?#]+)@([^/@?#]+)\?([^?#]*)$/;

/** Reads what rpmPurl has written. Undefined for anything else: other tools may spell the same package differently. */
export function parseRpmPurl(purl: string): RpmIdentity | undefined {
  const [, name, evr, query] = purlForm.exec(purl) ?? [];
  if (name === undefined || evr === undefined) return undefined;
  const [, version, release] = /^([^-]+)-([^-]+)$/.exec(decoded(evr) ?? '') ?? [];
  const qualifiers = new Map((query ?? '').split('&').map((one) => one.split('=') as [string, string]));
  const identity = { name: decoded(name), arch: decoded(qualifiers.get('arch') ?? '') };
  const epoch = qualifiers.get('epoch') ?? '0';
  if (!identity.name || !identity.arch || version === undefined || release === undefined) return undefined;
  if (!/^\d{1,10}$/.test(epoch)) return undefined;
  return { name: identity.name, epoch: Number(epoch), version, release, arch: identity.arch };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * A name without a registry gets no repository_url, because the image may be in several. A reference has that of its
 * own registry.
 */
export function imagePurl(name: string, digest: string): string {
  const [, repository = name, tag] = /^(.+?)(?::([\w][\w.-]*))?(?:@.*)?$/.exec(name) ?? [];
  const last = repository.slice(repository.lastIndexOf('/') + 1);
  const qualifiers = [
    ...(last === repository ? [] : [`repository_url=${escape(repository)}`]),
    ...(tag === undefined ? [] : [`tag=${escape(tag)}`]),
  ];
  const query = qualifiers.length > 0 ? `?${qualifiers.join('&')}` : '';
  return `pkg:oci/${escape(last.toLowerCase())}@${escape(digest)}${query}`;
}

/** Escapes all but unreserved characters. A colon would be allowed, but implementations differ. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`,
  );
}
