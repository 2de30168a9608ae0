/** Options of systemd-nspawn(1), version 249 or later, so that it isolates no less than an OCI runtime. */
import { randomUUID } from 'node:crypto';
import type { OciConfig } from '../oci-config.ts';
import type { IdRange } from '../userns.ts';
import { enterPath } from '../../host/native.ts';
import { enterInside, type Bound } from './order.ts';

export function nspawnArguments(
  id: string,
  config: OciConfig,
  ids: IdRange,
  binds: readonly Bound[],
): string[] {
  const { hostname, root, process: program } = config;
  const enter: Bound = { source: enterPath, inside: enterInside, readonly: true };
  return [
    'systemd-nspawn',
    // Errors alone are told.
    '--quiet',
    // No service of the host takes part, whether it has systemd or not.
    '--register=no',
    '--keep-unit',
    // No file of settings beside the tree or of the host.
    '--settings=no',
    `--machine=${id}`,
    // Otherwise nspawn would read one from the image.
    `--uuid=${randomUUID()}`,
    `--hostname=${hostname}`,
    `--directory=${root.path}`,
    `--private-users=${ids.start}:${ids.size}`,
    '--private-users-ownership=off',
    // Of the ids, as runtimes have it. nspawn cannot combine one that is there with them.
    '--private-network',
    '--console=pipe',
    '--link-journal=no',
    '--resolv-conf=off',
    '--timezone=off',
    ...program.rlimits.map(
      ({ type, soft, hard }) => `--rlimit=${type.replace('RLIMIT_', '')}=${soft}:${hard}`,
    ),
    ...[enter, ...binds].map(bindArgument),
    '--',
    enterInside,
    'init',
  ];
}

function bindArgument({ source, inside, readonly }: Bound): string {
  const escaped = source.replaceAll(/[\\:]/g, String.raw`\$&`);
  return `--bind${readonly ? '-ro' : ''}=${escaped}:${inside}`;
}

/** systemd: docs/ENVIRONMENT.md. */
export function nspawnEnvironment(hasUnified: boolean): Record<string, string> {
  return {
    // milliner-enter loads a filter that allows less, and could not load it under this one.
    SYSTEMD_SECCOMP: '0',
    // As the image has it.
    SYSTEMD_NSPAWN_TMPFS_TMP: '0',
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: hasUnified ? '1' : '0',
    SYSTEMD_NSPAWN_LOCK: '0',
    SYSTEMD_LOG_LEVEL: 'err',
    SYSTEMD_LOG_TARGET: 'console',
    SYSTEMD_LOG_COLOR: '0',
  };
}
