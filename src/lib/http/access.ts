/** How the servers of a repository are asked: how patiently, believing whom, with which secrets, or not at all. */

export interface Access {
  /** Nothing is asked of any server: what is not kept is missing. */
  offline?: boolean | undefined;
  /** Milliseconds of silence, and of too slow a transfer, until a server is given up; default 30 s. */
  timeout?: number | undefined;
  /** Bytes in a second; default 1000, as in dnf. */
  minRate?: number | undefined;
  /** PEM: the authorities that count instead of the host's. */
  authorities?: string | undefined;
  /**
   * The origins that the recipe or the operator names, as URL.origin gives them: all others, which answers name, are
   * asked only at public addresses. Without it, that of the first URL.
   */
  origins?: readonly string[] | undefined;
  /** One for each origin. */
  secrets?: readonly Secrets[] | undefined;
}

/** For one origin alone: neither a mirror on another host nor whatever a redirect leads to is sent any of it. */
export interface Secrets {
  /** As URL.origin gives it. */
  origin: string;
  username?: string | undefined;
  password?: string | undefined;
  /** PEM. */
  certificate?: { chain: string; key: string } | undefined;
}

export const defaultTimeout = 30_000;
export const defaultMinRate = 1000;
