/** The versions of tools that an image's bytes depend on. A lock records them, and a build checks them. */
import { MillinerError } from '../../lib/errors/error.ts';
import { run } from '../../lib/host/exec.ts';
import { native } from '../../lib/host/native.ts';
import type { Lock, Versions } from '../lock/lock-file.ts';

/** Increase it with every change in the bytes of layers, configurations or normalization. */
const format = 4;

export function currentVersions(): Versions {
  const { node, zstd, zlib, sqlite } = process.versions as Record<string, string>;
  return {
    format,
    node: node ?? '',
    zstd: zstd ?? '',
    zlib: zlib ?? '',
    sqlite: sqlite ?? '',
    libsolv: native().libsolvVersion,
  };
}

/** libsolv's version is not checked: the lock already has the packages that it chose. */
export function checkVersions(lock: Lock, path: string): void {
  const { libsolv: _chosen, node: _carrier, ...now } = currentVersions();
  for (const [name, version] of Object.entries(now)) {
    const locked = lock.versions[name as keyof Versions];
    if (locked === version) continue;
    throw new MillinerError(
      'TOOLS_DIFFER',
      `${path} was made with ${name} ${locked}, not with ${name} ${version}`,
      {
        details: { tool: name, locked, version },
      },
    );
  }
}

/** For `tools: host`. */
export async function hostRpmVersion(): Promise<string> {
  const { stdout } = await run('rpm', ['--version']);
  return /(\d+(?:\.\d+)+\S*)/.exec(stdout)?.[1] ?? stdout.trim();
}
