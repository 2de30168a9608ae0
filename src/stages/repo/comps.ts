/** Comps: groups and environments of packages, resolved as dnf does. */
import { text } from 'node:stream/consumers';
import { MillinerError } from '../../lib/errors/error.ts';
import { archesFor } from '../../lib/host/arch.ts';
import { decompressed } from './decompress.ts';
import { childOf, childrenOf, parseXml, textOf, type Element } from './xml.ts';

interface GroupPackage {
  name: string;
  type: string;
  /** Chosen only together with this package; usually ''. */
  requires: string;
  /** Chosen only on these architectures; empty: on all. */
  arches: string[];
  /** Not the 32-bit package on a 64-bit architecture. */
  baseArchOnly: boolean;
}

interface Group {
  id: string;
  name: string;
  packages: GroupPackage[];
}

interface Environment {
  id: string;
  name: string;
  /** IDs of its mandatory groups. */
  groups: string[];
}

export interface Comps {
  groups: Group[];
  environments: Environment[];
}

/** A package name for the solver, chosen always or only together with another package. */
export interface GroupMember {
  /** A name, or name.arch. */
  name: string;
  onlyWith?: string;
}

/** About fifteen times the size of Fedora's. */
const maxBytes = 32 * 1024 * 1024;

/** Throws REPO_INVALID. The file's extension selects the decompressor. */
export async function readComps(path: string): Promise<Comps> {
  const root = parseXml(await text(decompressed(path, maxBytes)), path);
  return {
    groups: childrenOf(root, 'group').map(parseGroup),
    environments: childrenOf(root, 'environment').map((element) => ({
      id: textOf(element, 'id'),
      name: nameOf(element),
      groups: childrenOf(childOf(element, 'grouplist'), 'groupid').map((id) => id.text.trim()),
    })),
  };
}

/** The untranslated name. */
function nameOf(element: Element): string {
  const names = childrenOf(element, 'name');
  return names.find(({ attributes }) => attributes['xml:lang'] === undefined)?.text.trim() ?? '';
}

function parseGroup(element: Element): Group {
  return {
    id: textOf(element, 'id'),
    name: nameOf(element),
    packages: childrenOf(childOf(element, 'packagelist'), 'packagereq').map((item) => ({
      name: item.text.trim(),
      type: item.attributes['type'] ?? 'mandatory',
      requires: item.attributes['requires'] ?? '',
      arches: (item.attributes['arch'] ?? '').split(/[\s,]+/).filter((arch) => arch !== ''),
      baseArchOnly: item.attributes['basearchonly'] === 'true',
    })),
  };
}

/**
 * Resolves `@id`, `@^environment-id` or names of groups and environments to their members, with the comps of all
 * repositories. As in dnf, these are mandatory, default and conditional packages, or the types after a slash
 * (`@core/mandatory,optional`); for an environment, its mandatory groups. Unlike dnf 4, it omits packages of other
 * architectures, and ignores translated names, because the answer must not depend on the user's language. Throws
 * SOLVE_FAILED naming the first word that no repository has.
 */
export function expandGroups(
  comps: readonly Comps[],
  wanted: readonly string[],
  arch: string,
): GroupMember[] {
  const merged = merge(comps);
  const members = new Map<string, GroupMember>();
  for (const word of wanted) {
    const [, name = word, types] = typedWord.exec(word) ?? [];
    const isWanted = (type: string) => (types?.split(',') ?? defaultTypes).includes(type);
    for (const group of groupsOf(merged, name)) {
      for (const member of group.packages.flatMap((listed) => memberOf(listed, arch, isWanted))) {
        members.set(`${member.name}\n${member.onlyWith ?? ''}`, member);
      }
    }
  }
  return [...members.values()];
}

const defaultTypes = ['mandatory', 'default', 'conditional'];
/** Names may contain slashes. */
const typedWord = /^(.+)\/((?:(?:mandatory|default|conditional|optional)(?:,|$))+)$/;

/** If several repositories have a group, the last one decides its name and the types of its packages. */
function merge(comps: readonly Comps[]): Comps {
  const groups = new Map<string, Group>();
  const environments = new Map<string, Environment>();
  for (const group of comps.flatMap((one) => one.groups)) {
    const own = new Set(group.packages.map(({ name }) => name));
    const others = groups.get(group.id)?.packages.filter(({ name }) => !own.has(name)) ?? [];
    groups.set(group.id, { ...group, packages: [...others, ...group.packages] });
  }
  for (const environment of comps.flatMap((one) => one.environments)) {
    const others = environments.get(environment.id)?.groups ?? [];
    environments.set(environment.id, { ...environment, groups: [...others, ...environment.groups] });
  }
  return { groups: [...groups.values()], environments: [...environments.values()] };
}

function groupsOf({ groups, environments }: Comps, word: string): Group[] {
  const title = word.replace(/^@\^?/, '');
  const inEnvironments = matching(environments, title).flatMap((environment) => environment.groups);
  const found = new Set([
    ...(word.startsWith('@^') ? [] : matching(groups, title)),
    ...groups.filter(({ id }) => inEnvironments.includes(id)),
  ]);
  if (found.size === 0 && matching(environments, title).length === 0) {
    throw new MillinerError('SOLVE_FAILED', `no repository has a group ${word}`);
  }
  return [...found];
}

/** By exact ID or name; otherwise as a pattern with * and ?, ignoring case. */
function matching<T extends { id: string; name: string }>(items: readonly T[], title: string): T[] {
  const exact = items.filter(({ id, name }) => id === title || name === title);
  if (exact.length > 0) return exact;
  const pattern = globPattern(title);
  return items.filter(({ id, name }) => pattern.test(id) || pattern.test(name));
}

function globPattern(glob: string): RegExp {
  const escaped = glob.replaceAll(/[\\^$.+(){}|[\]]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'iu');
}

function memberOf(listed: GroupPackage, arch: string, isWanted: (type: string) => boolean): GroupMember[] {
  if (!isWanted(listed.type) || listed.name === '') return [];
  if (listed.arches.length > 0 && !archesFor(arch).some((one) => listed.arches.includes(one))) return [];
  const name = listed.baseArchOnly ? `${listed.name}.${arch}` : listed.name;
  return [listed.requires ? { name, onlyWith: listed.requires } : { name }];
}
