/** What a package's units and sysusers.d files ask of its spec: presets in scriptlets, user() provides. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/lib/host/exec.ts';
import type { Deb } from './archive.ts';
import type { Entry } from './contents.ts';

const unitDirectory = 'usr/lib/systemd/system';
const sysusersDirectory = 'usr/lib/sysusers.d';

export interface Integration {
  /** Units with an [Install] section: only those can be enabled. */
  units: string[];
  /** Provides that make rpm 4.19 and later create the users before it unpacks the package. */
  users: string[];
}

export async function readIntegration(deb: Deb, entries: readonly Entry[]): Promise<Integration> {
  const wanted = [unitDirectory, sysusersDirectory].map((name) => `/${name}/`);
  if (!entries.some(({ path }) => wanted.some((prefix) => path.startsWith(prefix))))
    return { units: [], users: [] };
  const root = await mkdtemp(join(tmpdir(), 'deb-'));
  try {
    await run('dpkg-deb', ['--extract', deb.path, root]);
    return {
      units: await installableUnits(join(root, unitDirectory)),
      users: await userProvides(join(root, sysusersDirectory)),
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function installableUnits(directory: string): Promise<string[]> {
  const units: string[] = [];
  for (const entry of await regularFiles(directory)) {
    if (!/^[^@]+\.(service|socket|timer|path|target)$/.test(entry)) continue;
    if (/^\[Install\]$/m.test(await readFile(join(directory, entry), 'utf8'))) units.push(entry);
  }
  return units;
}

async function userProvides(directory: string): Promise<string[]> {
  const provides: string[] = [];
  for (const entry of await regularFiles(directory)) {
    // These are base-passwd's accounts once more; its own provides stand for them.
    if (entry === 'basic.conf') continue;
    for (const line of (await readFile(join(directory, entry), 'utf8')).split('\n')) {
      provides.push(...sysusersProvides(line));
    }
  }
  return provides;
}

async function regularFiles(directory: string): Promise<string[]> {
  if (!existsSync(directory)) return [];
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ name }) => name)
    .toSorted();
}

/** As rpm 4.20's own generator (sysusers.attr) writes them: the whole sysusers.d(5) line in base64. */
export function sysusersProvides(line: string): string[] {
  const [type, name, third] = line.trim().split(/\s+/);
  if (!type || !name || type.startsWith('#')) return [];
  const encoded = encodeLine(line.trim().replaceAll(/\s+/g, ' '));
  if (type === 'g') return [`group(${name}) = ${encoded}`];
  if (type === 'm' && third) return [`groupmember(${name}/${third}) = ${encoded}`];
  if (type === 'u' || type === 'u!') return [`user(${name}) = ${encoded}`, `group(${name})`];
  throw new Error(`sysusers.d line that rpm does not know: ${line}`);
}

/** A version may not hold base64's `=`: rpm pads the text with NUL bytes instead. */
function encodeLine(text: string): string {
  return Buffer.from(text.padEnd(Math.ceil(text.length / 3) * 3, '\0'), 'utf8').toString('base64');
}
