/**
 * Where this host looks for signatures outside of registries (containers-registries.d(5)), as podman and skopeo read
 * it: the user's directory instead of the host's, and the most specific name first.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { MillinerError } from '../errors/error.ts';
import type { Environment } from './credentials.ts';
import { showReference, wantedTag, type Reference } from './reference.ts';

const placeSchema = z
  .looseObject({
    lookaside: z.string().optional(),
    /** The old name of lookaside. */
    sigstore: z.string().optional(),
  })
  .nullable();
const fileSchema = z
  .looseObject({
    'default-docker': placeSchema.optional(),
    docker: z.record(z.string(), placeSchema).nullish(),
  })
  .nullable();

/** By name of a registry, namespace, repository or image; `` is the default. */
export type RegistriesD = ReadonlyMap<string, { lookaside: string | undefined; path: string }>;

const maxFileBytes = 1024 * 1024;
const defaultScope = '';

/** Throws REGISTRIES_INVALID. */
export function readRegistriesD(directory: string): RegistriesD {
  return placesIn(filesIn(directory).map((path) => ({ path, data: readFile(path) })));
}

/** Throws REGISTRIES_INVALID, also if two files configure the same name. */
export function placesIn(files: readonly { path: string; data: unknown }[]): RegistriesD {
  const places = new Map<string, { lookaside: string | undefined; path: string }>();
  for (const { path, data } of files) {
    const { docker, 'default-docker': others } = parseFile(path, data) ?? {};
    for (const [name, place] of [
      ...Object.entries(docker ?? {}),
      ...(others ? [[defaultScope, others] as const] : []),
    ]) {
      const before = places.get(name);
      if (before) throw invalid(path, `repeats ${name || 'default-docker'} of ${before.path}`);
      places.set(name, { lookaside: place?.lookaside || place?.sigstore, path });
    }
  }
  return places;
}

/** The base URL of an image's signatures; undefined if none is configured. Throws REGISTRIES_INVALID. */
export function lookasideOf(places: RegistriesD, reference: Reference): URL | undefined {
  for (const name of [...namesOf(reference), defaultScope]) {
    const { lookaside, path } = places.get(name) ?? {};
    if (lookaside === undefined) continue;
    if (isLookaside(lookaside)) return new URL(lookaside);
    throw invalid(
      path!,
      `${name || 'default-docker'}: ${JSON.stringify(lookaside)} is not a URL of https, http or file`,
    );
  }
  return undefined;
}

/** http is allowed too: a signature proves itself, and the host's configuration chooses the server. */
export function isLookaside(text: string): boolean {
  return URL.canParse(text) && ['https:', 'http:', 'file:'].includes(new URL(text).protocol);
}

export function registriesDirectory(environment: Environment = process.env): string {
  const own = join(environment['HOME'] || '/root', '.config/containers/registries.d');
  return existsSync(own) ? own : '/etc/containers/registries.d';
}

/** Where podman and skopeo write their own signatures, and look if nothing is configured. */
export function defaultLookaside(environment: Environment = process.env): URL {
  const isRoot = process.geteuid?.() === 0;
  const own = join(environment['HOME'] || '/root', '.local/share/containers/sigstore');
  return pathToFileURL(isRoot ? '/var/lib/containers/sigstore' : own);
}

/** The image, its repository, the namespaces above, its registry, and wildcards for registries. */
function namesOf(reference: Reference): string[] {
  const { registry, repository, digest } = reference;
  const image =
    digest === undefined
      ? { registry, repository, tag: wantedTag(reference)! }
      : { registry, repository, digest };
  const segments = `${registry}/${repository}`.split('/');
  const parents = segments.map((_, index) => segments.slice(0, segments.length - index).join('/'));
  const labels = registry.replace(/:\d+$/, '').split('.');
  const wildcards = labels.slice(1).map((_, index) => `*.${labels.slice(index + 1).join('.')}`);
  return [showReference(image), ...parents, ...wildcards];
}

function filesIn(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.yaml'));
    return names.toSorted().map((name) => join(directory, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw invalid(directory, 'cannot be read', error);
  }
}

function readFile(path: string): unknown {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > maxFileBytes) throw new RangeError(`is larger than ${maxFileBytes} bytes`);
    return parse(bytes.toString(), { logLevel: 'error' }) as unknown;
  } catch (error) {
    throw invalid(path, `cannot be read: ${(error as Error).message.split('\n')[0]}`, error);
  }
}

function parseFile(path: string, data: unknown): z.infer<typeof fileSchema> {
  const parsed = fileSchema.safeParse(data ?? null);
  if (parsed.success) return parsed.data;
  const { path: at, message } = parsed.error.issues[0]!;
  throw invalid(path, `${at.join('.')}: ${message}`);
}

function invalid(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('REGISTRIES_INVALID', `${path}: ${what}`, { cause, details: { path } });
}
