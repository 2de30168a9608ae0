/** The parts of an OCI bundle's config.json that an instance has (OCI runtime specification 1.0.2). */

export interface OciMount {
  type: string;
  source: string;
  destination: string;
  options: string[];
}

export interface OciDeviceRule {
  allow: boolean;
  access: string;
  type?: string;
  major?: number;
  minor?: number;
}

export interface OciRate {
  major: number;
  minor: number;
  rate: number;
}

export interface OciResources {
  memory?: { limit?: number; swap?: number };
  pids?: { limit: number };
  cpu?: { quota?: number; period?: number; shares?: number };
  blockIO?: { throttleReadBpsDevice?: OciRate[]; throttleWriteBpsDevice?: OciRate[] };
  /** Files of version 2 and what is written to them. */
  unified?: Record<string, string>;
  devices?: OciDeviceRule[];
}

export interface OciNamespaces {
  namespaces: { type: string; path?: string }[];
  uidMappings?: { containerID: number; hostID: number; size: number }[];
}

export interface OciConfig {
  ociVersion: string;
  hostname: string;
  root: { path: string; readonly: boolean };
  process: {
    cwd: string;
    args: string[];
    env: string[];
    user: { uid: number; gid: number; additionalGids: number[] };
    capabilities: Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', string[]>;
    noNewPrivileges: boolean;
    rlimits: { type: string; soft: number; hard: number }[];
    oomScoreAdj: number;
  };
  mounts: OciMount[];
  linux: OciNamespaces & {
    cgroupsPath: string;
    seccomp: object;
    maskedPaths: string[];
    readonlyPaths: string[];
    resources: OciResources;
  };
}

/** What is known of the configuration of any container. */
export interface AnyConfig {
  process: object;
  linux: Pick<OciConfig['linux'], 'cgroupsPath' | 'resources'>;
}
