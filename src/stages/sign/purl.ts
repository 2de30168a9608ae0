/** Package URLs (https://github.com/package-url/purl-spec): the names that vulnerability databases go by. */

export interface RpmIdentity {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}

/** An image's operating system, as os-release(5) has it. */
export interface Distribution {
  id: string;
  /** Empty where a distribution has no versions. */
  versionId: string;
}

/** Vendors whose packages have another namespace than their os-release has an ID (purl-spec's type rpm). */
const vendors: readonly [RegExp, string][] = [
  [/^rhel$/, 'redhat'],
  [/^opensuse-/, 'opensuse'],
  [/^(?:sles|sled|sles_sap|sle-.+|sl-.+)$/, 'suse'],
];

function vendorOf(id: string): string {
  return vendors.find(([ids]) => ids.test(id))?.[1] ?? id.toLowerCase();
}

/** Operating systems that scanners know by another name than their os-release has for an ID (Trivy's families). */
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

/** Qualifiers in the order of their names, as the specification wants them. */
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

/** A name alone has no repository_url: the same image may be in several. A reference has the one that it was found by. */
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

/** All but the unreserved characters; a colon would be allowed, and is escaped by as many as leave it. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`,
  );
}
