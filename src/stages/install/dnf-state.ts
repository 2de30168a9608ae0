/**
 * Records why each package is installed, in dnf 5's `packages.toml` (dnf5-system-state(7); version 1.0 of the format in
 * libdnf5/system/state.cpp). dnf treats a package without a record as wanted by the user, and never removes it
 * automatically. So packages with an unknown reason get no record.
 */
import { readFile } from 'node:fs/promises';
import { lstatIfThere } from '../../lib/host/files.ts';
import { below } from '../../lib/host/paths.ts';
import { resolveParents } from '../../lib/host/resolve-in-root.ts';
import type { PackageInfo } from '../../lib/rpm/package.ts';
import type { FileToWrite } from './placing.ts';

type Installed = Pick<PackageInfo, 'name' | 'version' | 'release' | 'arch' | 'nevra' | 'provides' | 'files'>;

export interface Reasons {
  /** The words of the recipe. */
  words: readonly string[];
  /** The packages of this installation. */
  packages: readonly Installed[];
  /** NEVRAs of the base that stay. */
  retained: readonly string[];
  removed: readonly string[];
}

const directory = '/usr/lib/sysimage/libdnf5';
const path = `${directory}/packages.toml`;

/** The file to write, with the base's records; none if the image has no dnf 5. */
export async function dnfState(target: string, reasons: Reasons): Promise<FileToWrite[]> {
  const resolved = resolveParents(target, path);
  if (resolved === undefined) return [];
  const place = below(target, resolved);
  const parent = below(target, resolved.slice(0, resolved.lastIndexOf('/')) as typeof resolved);
  if (!(await lstatIfThere(parent))?.isDirectory()) return [];
  const before = (await lstatIfThere(place))?.isFile() ? await readFile(place, 'utf8') : '';
  return [{ path, content: recordReasons(before, reasons), mode: '0644', owner: 'root:root' }];
}

const record = /^("(?:[^"\\]|\\.)+") = \{reason="([\w ]+)"\}$/gm;

export function recordReasons(before: string, { words, packages, retained, removed }: Reasons): string {
  const reasons = new Map([...before.matchAll(record)].map(([, key = '', reason = '']) => [key, reason]));
  // Versions side by side share one record.
  const staying = new Set(retained.map(keyOfNevra));
  for (const key of removed.map(keyOfNevra)) if (!staying.has(key)) reasons.delete(key);
  const isKnown = (word: string) =>
    packages.some((one) => matchesWord(one, word)) || [...reasons.keys()].some((key) => nameIn(key) === word);
  // The packages of a group, a pattern or a condition are unknown here.
  if (words.every(isKnown)) {
    for (const one of packages) {
      const wanted = words.some((word) => matchesWord(one, word));
      reasons.set(keyOf([one.name, one.arch]), wanted ? 'User' : 'Dependency');
    }
    for (const key of reasons.keys()) if (words.includes(nameIn(key))) reasons.set(key, 'User');
  }
  const lines = [...reasons].map(([key, reason]) => `${key} = {reason="${reason}"}\n`);
  return `version = "1.0"\n[packages]\n${lines.toSorted().join('')}`;
}

/** A TOML string, which for valid package names equals a JSON string. */
const keyOf = (nameAndArch: readonly string[]) => JSON.stringify(nameAndArch.join('.'));

const keyOfNevra = (nevra: string) => keyOf(/^(.+)-[^-]+-[^-]+\.([^.]+)$/.exec(nevra)?.slice(1) ?? []);

const nameIn = (key: string) => (JSON.parse(key) as string).replace(/\.[^.]+$/, '');

function matchesWord(
  { name, version, release, arch, nevra, provides, files }: Installed,
  word: string,
): boolean {
  const forms = [name, `${name}.${arch}`, `${name}-${version}`, `${name}-${version}-${release}`, nevra];
  return (
    forms.includes(word) ||
    provides.some((one) => one.name === word) ||
    (word.startsWith('/') && files.some((file) => file.path === word.slice(1)))
  );
}
