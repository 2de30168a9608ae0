/** The registries.d of a policy: it tells clients where to look for the signatures of a repository's images. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import { lookasideOf, placesIn } from '../../lib/registry/registries-d.ts';
import { isMap, isScalar, parseDocument, type Document } from 'yaml';
import { invalid, readIfThere } from './policy-files.ts';

const ownFile = 'milliner.yaml';

export interface RegistriesFile {
  path: string;
  document: Document;
  changed: boolean;
}

/** In the registry itself, or at a URL beside it; undefined if the files have the URL already. */
export type Lookup = 'attachments' | { lookaside: string | undefined };

export async function readRegistries(directory: string): Promise<Map<string, RegistriesFile>> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw invalid(directory, `cannot be read: ${error.code}`, error);
  });
  const files = new Map<string, RegistriesFile>();
  for (const name of new Set([...names.filter((one) => one.endsWith('.yaml')).toSorted(), ownFile])) {
    const path = join(directory, name);
    const document = parseDocument((await readIfThere(path)) ?? '');
    if (document.errors[0]) throw invalid(path, `is not YAML: ${document.errors[0].message}`);
    if (document.contents !== null && !isMap(document.contents)) throw invalid(path, 'holds no settings');
    files.set(name, { path, document, changed: false });
  }
  return files;
}

/**
 * Adds the setting to the file that has the repository already, because it may be in one file only. Throws USAGE,
 * POLICY_INVALID.
 */
export function lookForSignatures(
  files: Map<string, RegistriesFile>,
  repository: string,
  lookup: Lookup,
): void {
  if (lookup === 'attachments') set(files, repository, 'use-sigstore-attachments', true);
  else if (lookup.lookaside !== undefined) set(files, repository, 'lookaside', lookup.lookaside);
  else requireLookaside(files, repository);
}

function requireLookaside(files: Map<string, RegistriesFile>, repository: string): void {
  const places = placesIn(
    [...files.values()].map(({ path, document }) => ({ path, data: dataOf(path, document) })),
  );
  if (lookasideOf(places, parseReference(repository))) return;
  throw new MillinerError(
    'USAGE',
    `no file says where the signatures of ${repository} are: name the place with --lookaside URL`,
  );
}

function dataOf(path: string, document: Document): unknown {
  try {
    return document.toJS() as unknown;
  } catch (cause) {
    throw invalid(path, 'holds no settings', cause);
  }
}

function set(
  files: Map<string, RegistriesFile>,
  repository: string,
  name: string,
  value: string | boolean,
): void {
  const place = ['docker', repository];
  const file = [...files.values()].find(({ document }) => document.hasIn(place)) ?? files.get(ownFile)!;
  const setting = [...place, name];
  const { document } = file;
  try {
    if (document.getIn(setting) === value) return;
    for (const path of [['docker'], place]) openSettings(document, path);
    document.setIn(setting, value);
  } catch (cause) {
    throw invalid(file.path, `has no settings under docker: ${repository}`, cause);
  }
  file.changed = true;
}

/** A key whose settings are all commented out has the value null. It gets a map, and the comments stay. */
function openSettings(document: Document, path: string[]): void {
  const nothing = document.getIn(path, true);
  if (!isScalar(nothing) || nothing.value !== null) return;
  const settings = document.createNode({});
  settings.commentBefore = nothing.comment ?? nothing.commentBefore ?? null;
  document.setIn(path, settings);
}
