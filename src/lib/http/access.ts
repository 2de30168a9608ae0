/** How to ask the servers of a repository: timeouts, trusted authorities, secrets, or not at all. */

export interface Access {
  /** No server is asked; a file that is not in the cache is an error. */
  offline?: boolean | undefined;
  /** Milliseconds without data, or of a transfer below minRate, until the server counts as failed; default 30 s. */
  timeout?: number | undefined;
  /** Bytes per second; default 1000, as in dnf. */
  minRate?: number | undefined;
  /** PEM: authorities to trust instead of the host's. */
  authorities?: string | undefined;
  /**
   * Origins that the recipe or the operator names, in the form of URL.origin; default: the origin of the first URL. Any
   * other origin comes from a server's answer, and is asked only at public addresses.
   */
  origins?: readonly string[] | undefined;
  /** At most one for each origin. */
  secrets?: readonly Secrets[] | undefined;
}

/** Sent to one origin only: not to a mirror on another host, and not along a redirect. */
export interface Secrets {
  /** In the form of URL.origin. */
  origin: string;
  username?: string | undefined;
  password?: string | undefined;
  /** PEM. */
  certificate?: { chain: string; key: string } | undefined;
}

export const defaultTimeout = 30_000;
export const defaultMinRate = 1000;
