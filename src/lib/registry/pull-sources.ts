/** The places to pull an image from, as this host's registries.conf maps its name. */
import { MillinerError } from '../errors/error.ts';
import { parseReference, showReference, taggedReference, type Reference } from './reference.ts';
import { readRegistriesConf, ruleFor, type RegistriesConf, type RegistryRule } from './registries-conf.ts';

export interface Place {
  registry: string;
  repository: string;
  /** The configuration allows plain HTTP or an unverified certificate. */
  insecure: boolean;
  /** A mirror: if it fails, the next place is tried. */
  isMirror: boolean;
}

/** Mirrors first, in their order. Throws REGISTRY_BLOCKED, REGISTRIES_INVALID, REFERENCE_INVALID. */
export function placesOf(reference: Reference, conf: RegistriesConf = readRegistriesConf()): Place[] {
  const { registry, repository, digest } = reference;
  const name =
    digest === undefined ? taggedReference(reference) : showReference({ registry, repository, digest });
  const found = ruleFor(conf, name);
  if (!found) return [{ registry, repository, insecure: false, isMirror: false }];
  const { rule, length } = found;
  if (rule.blocked) {
    throw new MillinerError('REGISTRY_BLOCKED', `registries.conf of this host blocks ${rule.prefix}`, {
      details: { name, prefix: rule.prefix },
    });
  }
  // The location replaces the rule's prefix; for a wildcard, it replaces the host.
  const placeAt = (location: string | undefined) => {
    const { registry: host, repository: path } = parseReference(
      location ? `${location}${name.slice(length)}` : name,
    );
    return { registry: host, repository: path };
  };
  const mirrors = rule.mirror.filter((mirror) =>
    serves(rule, mirror['pull-from-mirror'], digest !== undefined),
  );
  return [
    ...mirrors.map(({ location, insecure }) => ({ ...placeAt(location), insecure, isMirror: true })),
    { ...placeAt(rule.location), insecure: rule.insecure, isMirror: false },
  ];
}

function serves(rule: RegistryRule, which: 'all' | 'digest-only' | 'tag-only', byDigest: boolean): boolean {
  if (rule['mirror-by-digest-only'] && !byDigest) return false;
  return which === 'all' || (which === 'digest-only') === byDigest;
}

/**
 * Completes a name without a registry as this host would: by an alias, or if there is exactly one registry to search.
 * Other names are returned unchanged. Throws REFERENCE_INVALID, REGISTRIES_INVALID.
 */
export function completeReference(text: string, conf?: RegistriesConf): string {
  const [, name = '', rest = ''] = /^([a-z0-9][a-z0-9._/-]*)((?::[\w.-]+)?(?:@.*)?)$/.exec(text) ?? [];
  const host = name.split('/')[0]!;
  if (name === '' || (name.includes('/') && (host.includes('.') || host === 'localhost'))) return text;
  const { aliases, search } = conf ?? readRegistriesConf();
  const alias = aliases.get(name);
  if (alias !== undefined) return `${alias}${rest}`;
  if (search.length === 1) return showReference(parseReference(`${search[0]}/${text}`));
  const found = search.length === 0 ? 'names no registry to look in' : `names several: ${search.join(', ')}`;
  throw new MillinerError(
    'REFERENCE_INVALID',
    `${JSON.stringify(text)} names no registry: registries.conf of this host has no alias for it and ${found}`,
    { details: { reference: text } },
  );
}
