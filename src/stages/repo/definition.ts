/** A repository as a recipe defines it, and the options to open it. */
import type { Progress } from '../../lib/host/progress.ts';
import type { TrustedKey } from '../../lib/rpm/keys.ts';
import type { Variables } from './location.ts';

export interface RepositoryDefinition {
  name: string;
  /** Exactly one of the three. A baseurl is http(s)://, file:// or a directory; several are tried in order. */
  baseurl?: string | readonly string[] | undefined;
  metalink?: string | undefined;
  mirrorlist?: string | undefined;
  /** The only keys that are trusted for its packages. */
  keys: readonly TrustedKey[];
  exclude: readonly string[];
  /** As dnf's includepkgs: only these packages may be chosen; empty: all. */
  include?: readonly string[] | undefined;
  /** As in dnf: modules do not restrict its packages. */
  moduleHotfixes?: boolean | undefined;
  gpgcheck: boolean;
  /** repomd.xml must be signed by one of the keys, in repomd.xml.asc. */
  repoGpgcheck?: boolean | undefined;
  /** As in dnf: the lower number is preferred; default 99. */
  priority?: number | undefined;
  /**
   * As in dnf: of repositories with the same priority and package, the one with the lower cost is used; default 1000.
   */
  cost?: number | undefined;
  /** PEM files, as dnf's sslclientcert, sslclientkey and sslcacert. */
  sslClientCert?: string | undefined;
  sslClientKey?: string | undefined;
  sslCaCert?: string | undefined;
  /** If the path is below this directory, links must not leave it. */
  root?: string | undefined;
  /** As in Access. */
  timeout?: number | undefined;
  minRate?: number | undefined;
}

/** Its URLs in the order in which they are tried, with variables not yet replaced. */
export function placesOf({ metalink, mirrorlist, baseurl }: RepositoryDefinition): readonly string[] {
  return [metalink ?? mirrorlist ?? baseurl ?? []].flat();
}

export interface OpenOptions extends Variables {
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Only cached files and local directories are used. */
  offline?: boolean | undefined;
  /** Directory that records the newest state seen of each repository; without it, older metadata is not detected. */
  seenDir?: string | undefined;
  /** Accept metadata that is older than the newest seen. */
  allowOlder?: boolean | undefined;
  /** For temporary keyrings; see KeyOptions. */
  workDirectory?: string | undefined;
}
