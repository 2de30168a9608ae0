/**
 * Locations of repositories and their files: URLs with dnf's variables, directories, and paths that cannot leave the
 * base.
 */
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { MillinerError } from '../../lib/errors/error.ts';

/** Values of dnf's variables. */
export interface Variables {
  /** As rpm calls it: x86_64, aarch64, ... */
  arch: string;
  /** Empty or absent if the recipe sets none. */
  release?: string | undefined;
}

/** dnf's $basearch, where it differs from the architecture. */
const baseArches: Record<string, string> = { i486: 'i386', i586: 'i386', i686: 'i386', armv7hl: 'armhfp' };

/** Replaces $releasever, $basearch and $arch; other variables stay. */
export function substitute(text: string, variables: Variables, repository: string): string {
  return text.replaceAll(/\$\{?(releasever|basearch|arch)\b\}?/g, (_whole, name: string) => {
    if (name === 'arch') return variables.arch;
    if (name === 'basearch') return baseArches[variables.arch] ?? variables.arch;
    if (variables.release) return variables.release;
    throw new MillinerError(
      'RECIPE_INVALID',
      `repository ${repository} uses $releasever, and the recipe names no release`,
      {
        hint: 'Name the release in the recipe, such as release: 43.',
      },
    );
  });
}

/** A base URL that ends with a slash: http, https or file; plain paths become file URLs. */
export function baseUrl(text: string): URL {
  const withScheme = /^[a-z][a-z0-9+.-]*:/i.test(text);
  if (withScheme && !URL.canParse(text)) throw badUrl(text);
  const url = withScheme ? new URL(text) : pathToFileURL(resolve(text));
  if (!['http:', 'https:', 'file:'].includes(url.protocol)) throw badUrl(text);
  directoryOf(url);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function badUrl(text: string): MillinerError {
  const shown = text.replace(/\/\/[^/@]*@/, '//');
  return new MillinerError('REPO_UNAVAILABLE', `${shown} is not an http, https or file URL`);
}

/** The path of a file URL; undefined for other URLs. Throws REPO_UNAVAILABLE if the URL names another host. */
export function directoryOf(url: URL): string | undefined {
  if (url.protocol !== 'file:') return undefined;
  try {
    const path = fileURLToPath(url);
    if (!path.includes('\0')) return path;
  } catch {
    // The URL has a host, or an escaped slash (RFC 8089).
  }
  throw new MillinerError('REPO_UNAVAILABLE', `${url.href} does not name a file of this host`);
}

/**
 * The URL of a metadata file below a base, unescaped as librepo requests it. Locations come from metadata: one with a
 * scheme, or outside of the base, would read files of the host or contact another server. Throws REPO_INVALID.
 */
export function below(base: URL, location: string, repository: string): URL {
  // In a file URL a percent sign belongs to the name; in an HTTP URL it may be the repository's own escape.
  if (base.protocol === 'file:') return packageBelow(base, location, repository);
  return joined(base, location, location.replaceAll('?', '%3F').replaceAll('#', '%23'), repository);
}

/**
 * The URL of a package below a base. Its location is a file name, in which libdnf escapes every reserved character: S3
 * and CloudFront read a raw plus sign as a blank and answer 403. Throws REPO_INVALID as above.
 */
export function packageBelow(base: URL, location: string, repository: string): URL {
  return joined(base, location, quoted(location), repository);
}

function joined(base: URL, location: string, path: string, repository: string): URL {
  const bad = /^\\|^[a-z][a-z0-9+.-]*:|\p{Cc}/iu.test(location) || location.split(/[/\\]/).includes('..');
  if (bad || /^\/*$/.test(location)) throw outsideError(location, repository);
  const url = new URL(base);
  // As librepo joins them: a double slash would name another file.
  url.pathname += path.replace(/^\/+/, '');
  // The URL parser also reads %2e%2e as a parent directory.
  if (!url.pathname.startsWith(base.pathname)) throw outsideError(location, repository);
  return url;
}

/** Escapes all bytes but slashes and RFC 3986's unreserved characters, in lower-case hex, as libdnf does. */
function quoted(name: string): string {
  return Buffer.from(name, 'utf8')
    .toString('latin1')
    .replaceAll(/[^A-Za-z0-9._~/-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

function outsideError(location: string, repository: string): MillinerError {
  const message = `repository ${repository} names a file outside itself: ${JSON.stringify(location)}`;
  return new MillinerError('REPO_INVALID', message, { details: { repository, location } });
}

/** The base URLs of a file with an xml:base: that one, or the repository's. Throws REPO_INVALID. */
export function basesOf(bases: readonly URL[], xmlBase: string, repository: string): URL[] {
  if (!xmlBase) return [...bases];
  if (!/^[a-z][a-z0-9+.-]*:/i.test(xmlBase)) {
    return bases.map((base) => below(base, xmlBase.endsWith('/') ? xmlBase : `${xmlBase}/`, repository));
  }
  const own = URL.canParse(xmlBase) ? baseUrl(xmlBase) : undefined;
  // A remote repository must not name files of this host.
  const local = bases.every((base) => base.protocol === 'file:');
  if (!own || (own.protocol === 'file:' && !local)) throw outsideError(xmlBase, repository);
  return [own];
}
