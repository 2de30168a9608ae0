/** Comps: groups and environments of packages, expanded as dnf does. */
import { text } from 'node:stream/consumers';
import { MillinerError } from '../errors.ts';
import { decompressed } from './decompress.ts';
import { childOf, childrenOf, parseXml, textOf, type Element } from './xml.ts';

export interface GroupPackage {
  name: string;
  type: string;
  /** Of a conditional package: wanted only together with this one. */
  requires: string;
  /** Only on these architectures; empty: on all. */
  arches: string[];
  /** Not the 32-bit variant on a 64-bit architecture. */
  baseArchOnly: boolean;
}

export interface Group {
  id: string;
  name: string;
  packages: GroupPackage[];
}

export interface Environment {
  id: string;
  name: string;
  /** Ids of its mandatory groups. */
  groups: string[];
}

export interface Comps {
  groups: Group[];
  environments: Environment[];
}

/** What a solve takes: a package name, wanted always or only together with another. */
export interface GroupMember {
  /** A name, or name.arch. */
  name: string;
  onlyWith?: string;
}

/** Some thirty times what Fedora's has. */
const maxBytes = 64 * 1024 * 1024;

/** Throws REPO_INVALID. The ending of the path tells the compression. */
export async function readComps(path: string): Promise<Comps> {
  const root = parseXml(await text(decompressed(path, maxBytes)), path);
  return {
    groups: childrenOf(root, 'group').map(parseGroup),
    environments: childrenOf(root, 'environment').map((element) => ({
      id: textOf(element, 'id'),
      name: textOf(element, 'name'),
      groups: childrenOf(childOf(element, 'grouplist'), 'groupid').map((id) => id.text.trim()),
    })),
  };
}

function parseGroup(element: Element): Group {
  return {
    id: textOf(element, 'id'),
    name: textOf(element, 'name'),
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
 * Members of groups and environments, by `@id`, `@^environment-id`, or their names, from all repositories' comps
 * together. As in dnf: mandatory, default and conditional packages, not optional ones; of an environment its
 * mandatory groups. Throws SOLVE_FAILED naming the first that no repository has.
 */
export function expandGroups(
  comps: readonly Comps[],
  wanted: readonly string[],
  arch: string,
): GroupMember[] {
  const members = new Map<string, GroupMember>();
  for (const word of wanted) {
    for (const id of groupIds(comps, word)) {
      for (const item of comps.flatMap((c) => c.groups).filter((group) => group.id === id)) {
        for (const member of item.packages.flatMap((wish) => memberOf(wish, arch))) {
          members.set(`${member.name}\n${member.onlyWith ?? ''}`, member);
        }
      }
    }
  }
  return [...members.values()];
}

function groupIds(comps: readonly Comps[], word: string): string[] {
  const title = word.replace(/^@\^?/, '');
  const environments = comps.flatMap((c) => c.environments).filter((item) => isCalled(item, title));
  const inEnvironments = environments.flatMap((environment) => environment.groups);
  const groups = word.startsWith('@^')
    ? []
    : comps.flatMap((c) => c.groups).filter((item) => isCalled(item, title));
  if (groups.length === 0 && environments.length === 0) {
    throw new MillinerError('SOLVE_FAILED', `no repository has a group ${word}`);
  }
  return [...new Set([...groups.map((group) => group.id), ...inEnvironments])];
}

function isCalled(item: { id: string; name: string }, title: string): boolean {
  return item.id === title || item.name.toLowerCase() === title.toLowerCase();
}

function memberOf(wish: GroupPackage, arch: string): GroupMember[] {
  if (wish.type === 'optional' || wish.name === '') return [];
  if (wish.arches.length > 0 && !wish.arches.includes(arch)) return [];
  const name = wish.baseArchOnly ? `${wish.name}.${arch}` : wish.name;
  return [wish.type === 'conditional' && wish.requires ? { name, onlyWith: wish.requires } : { name }];
}
