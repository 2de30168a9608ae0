/** Package URLs (https://github.com/package-url/purl-spec): the names that vulnerability databases go by. */

export interface RpmIdentity {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}

/** `namespace` is the distribution as os-release's ID has it. */
export function rpmPurl(namespace: string | undefined, { name, epoch, version, release, arch }: RpmIdentity) {
  const vendor = namespace === undefined || namespace === '' ? '' : `${escape(namespace.toLowerCase())}/`;
  const qualifiers = `arch=${escape(arch)}${epoch > 0 ? `&epoch=${epoch}` : ''}`;
  return `pkg:rpm/${vendor}${escape(name)}@${escape(`${version}-${release}`)}?${qualifiers}`;
}

/** Without repository_url: the same image may be in several. */
export function imagePurl(name: string, digest: string): string {
  return `pkg:oci/${escape(name.toLowerCase())}@${escape(digest)}`;
}

/** All but the unreserved characters; a colon would be allowed, and is escaped by as many as leave it. */
function escape(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.codePointAt(0)!.toString(16).toUpperCase()}`,
  );
}
