/** From where an image is read: what this host's registries.conf makes of its name. */
import { MillinerError } from '../errors/error.ts';
import { parseReference, showReference, taggedReference, type Reference } from './reference.ts';
import { readRegistriesConf, ruleFor, type RegistriesConf, type RegistryRule } from './registries-conf.ts';

export interface Place {
  registry: string;
  repository: string;
  /** Its configuration says that it has no TLS, or none that can be trusted. */
  insecure: boolean;
  /** Another stands for it, where this one fails. */
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
  // What the rule is for stands for its location: of a wildcard, the host.
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
 * A name without a registry as this host completes it: by an alias, or where there is one registry to look in. Others
 * stay as they are. Throws REFERENCE_INVALID, REGISTRIES_INVALID.
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
