/** A Debian version `[epoch:]upstream[-revision]` as rpm's epoch, version and release. */
export interface Evr {
  epoch?: string;
  version: string;
  /** Absent for a native package, and for a dependency that names no revision. */
  release?: string;
}

/** The revision stands after the last hyphen; other hyphens have no place in an rpm version. */
export function parseVersion(text: string): Evr {
  const match = /^(?:(\d+):)?(.+?)(?:-([^-]+))?$/.exec(text);
  if (!match?.[2]) throw new Error(`not a Debian version: ${text}`);
  const version = match[2].replaceAll('-', '.');
  return {
    ...(match[1] !== undefined && { epoch: match[1] }),
    version,
    ...(match[3] !== undefined && { release: match[3] }),
  };
}

/** As a dependency writes it. */
export function formatEvr(evr: Evr): string {
  const epoch = evr.epoch === undefined ? '' : `${evr.epoch}:`;
  return `${epoch}${evr.version}${evr.release === undefined ? '' : `-${evr.release}`}`;
}
