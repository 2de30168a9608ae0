/**
 * This host's configuration of registries (containers-registries.conf(5)): mirrors, blocked registries, registries
 * without TLS, and the completion of short names. It is read as podman and skopeo read version 2 of the format.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { MillinerError } from '../errors/error.ts';
import type { Environment } from './credentials.ts';

const endpointSchema = z.looseObject({
  location: z.string().optional(),
  insecure: z.boolean().default(false),
});
const mirrorSchema = endpointSchema.extend({
  location: z.string(),
  'pull-from-mirror': z.enum(['all', 'digest-only', 'tag-only']).default('all'),
});
const registrySchema = endpointSchema.extend({
  prefix: z.string().optional(),
  blocked: z.boolean().default(false),
  'mirror-by-digest-only': z.boolean().default(false),
  mirror: z.array(mirrorSchema).default([]),
});
const fileSchema = z.looseObject({
  registries: z.never().optional(),
  registry: z.array(registrySchema).default([]),
  'unqualified-search-registries': z.array(z.string()).optional(),
  aliases: z.record(z.string(), z.string()).default({}),
});

export type RegistryRule = z.infer<typeof registrySchema> & { prefix: string };

export interface RegistriesConf {
  /** By prefix. */
  rules: ReadonlyMap<string, RegistryRule>;
  /** Registries to search for a name without one. */
  search: readonly string[];
  /** By short name. */
  aliases: ReadonlyMap<string, string>;
}

/** Later entries replace earlier ones. Throws REGISTRIES_INVALID. */
export function readRegistriesConf(environment: Environment = process.env): RegistriesConf {
  const rules = new Map<string, RegistryRule>();
  const aliases = new Map<string, string>();
  let search: readonly string[] = [];
  for (const path of files(environment)) {
    const file = readFile(path);
    if (!file) continue;
    for (const rule of file.registry) {
      const prefix = rule.prefix || rule.location;
      if (!prefix) throw invalid(path, 'a [[registry]] has neither a prefix nor a location');
      rules.set(prefix, { ...rule, prefix });
    }
    search = file['unqualified-search-registries'] ?? search;
    for (const [name, place] of Object.entries(file.aliases)) {
      // An empty alias removes an earlier one.
      if (place === '') aliases.delete(name);
      else aliases.set(name, place);
    }
  }
  return { rules, search, aliases };
}

/**
 * The rule with the longest matching prefix for a name such as `registry.example.com/team/app:1`, and the length of
 * that prefix.
 */
export function ruleFor(
  { rules }: RegistriesConf,
  name: string,
): { rule: RegistryRule; length: number } | undefined {
  const fits = [...rules.values()].flatMap((rule) => {
    const length = matched(name, rule.prefix);
    return length === undefined ? [] : [{ rule, length }];
  });
  return fits.toSorted((a, b) => b.rule.prefix.length - a.rule.prefix.length)[0];
}

/**
 * Prefixes match whole components: a host with or without its port, repositories, a tag or digest. `*.example.com`
 * matches every host below it (containers/image, refMatchingPrefix).
 */
function matched(name: string, prefix: string): number | undefined {
  const isWildcard = prefix.startsWith('*.');
  const at = isWildcard ? name.indexOf(prefix.slice(1)) : 0;
  if (at < 0 || name.slice(0, at).includes('/')) return undefined;
  const length = isWildcard ? at + prefix.length - 1 : prefix.length;
  const isWhole = name.length === length || ':/@'.includes(name[length] ?? ' ');
  return isWhole && (isWildcard || name.startsWith(prefix)) ? length : undefined;
}

/**
 * The user's file with the user's drop-ins replaces all others; without it, the host's file with the drop-ins of both.
 */
function files(environment: Environment): string[] {
  const host = '/etc/containers/registries.conf';
  const own = join(environment['HOME'] || '/root', '.config/containers/registries.conf');
  const chosen = environment['CONTAINERS_REGISTRIES_CONF'];
  if (!chosen && existsSync(own)) return [own, ...dropIns(`${own}.d`)];
  return [chosen || host, ...[host, own].flatMap((path) => dropIns(`${path}.d`))];
}

function dropIns(directory: string): string[] {
  try {
    const names = readdirSync(directory).filter((name) => name.endsWith('.conf'));
    return names.toSorted().map((name) => join(directory, name));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw invalid(directory, 'cannot be read', error);
  }
}

function readFile(path: string): z.infer<typeof fileSchema> | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined;
    throw invalid(path, 'cannot be read', error);
  }
  let data: unknown;
  try {
    data = parse(text);
  } catch (error) {
    throw invalid(path, `is not TOML: ${(error as Error).message.split('\n')[0]}`, error);
  }
  const parsed = fileSchema.safeParse(data);
  if (parsed.success) return parsed.data;
  const { path: at, message } = parsed.error.issues[0]!;
  const isOld = at[0] === 'registries';
  throw invalid(path, isOld ? 'is in the first version of its format' : `${at.join('.')}: ${message}`);
}

function invalid(path: string, what: string, cause?: unknown): MillinerError {
  return new MillinerError('REGISTRIES_INVALID', `${path}: ${what}`, { cause, details: { path } });
}
