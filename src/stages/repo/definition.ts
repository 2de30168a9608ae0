/** A repository as a recipe names it, and with what it is opened. */
import type { Progress } from '../../lib/host/progress.ts';
import type { TrustedKey } from '../../lib/rpm/keys.ts';
import type { Variables } from './location.ts';

export interface RepositoryDefinition {
  name: string;
  /** Exactly one of the three. A baseurl is http(s)://, file:// or a directory; several are asked in their order. */
  baseurl?: string | readonly string[] | undefined;
  metalink?: string | undefined;
  mirrorlist?: string | undefined;
  /** The only keys that count for it. */
  keys: readonly TrustedKey[];
  exclude: readonly string[];
  /** As dnf's includepkgs: nothing else of it may be chosen; without words all. */
  include?: readonly string[] | undefined;
  /** As in dnf: its packages may be chosen whatever modules say of them. */
  moduleHotfixes?: boolean | undefined;
  gpgcheck: boolean;
  /** repomd.xml must be signed by one of the keys: repomd.xml.asc beside it. */
  repoGpgcheck?: boolean | undefined;
  /** As in dnf: the lower number wins; default 99. */
  priority?: number | undefined;
  /** As in dnf: of what two repositories of one priority both have, the one with the lower cost gives it; default 1000. */
  cost?: number | undefined;
  /** PEM files, as dnf's sslclientcert, sslclientkey and sslcacert. */
  sslClientCert?: string | undefined;
  sslClientKey?: string | undefined;
  sslCaCert?: string | undefined;
  /** A directory that lies there by its words must not lead out of there by links. */
  root?: string | undefined;
  /** As in Access. */
  timeout?: number | undefined;
  minRate?: number | undefined;
}

/** Where it is asked for, in that order; words as the recipe has them. */
export function placesOf({ metalink, mirrorlist, baseurl }: RepositoryDefinition): readonly string[] {
  return [metalink ?? mirrorlist ?? baseurl ?? []].flat();
}

export interface OpenOptions extends Variables {
  progress: Progress;
  signal?: AbortSignal | undefined;
  /** Only what is kept, and directories. */
  offline?: boolean | undefined;
  /** Where the newest state that was seen of each repository is remembered; without it nothing is. */
  seenDir?: string | undefined;
  /** Metadata older than what was seen is accepted. */
  allowOlder?: boolean | undefined;
  /** For keyrings of the moment; see KeyOptions. */
  workDirectory?: string | undefined;
}
