/** Advisories in updateinfo.xml, read as createrepo_c and libsolv read it. */
import type { Nevra } from '../../lib/rpm/package.ts';
import { decompressed } from './decompress.ts';
import { childOf, childrenOf, elementsOf, textOf, type Element } from './xml.ts';

export interface Advisory {
  id: string;
  /** security, bugfix, enhancement, newpackage; as in the repository, in lower case. */
  type: string;
  /** Critical, Important, Moderate, Low; None if the repository gives none. */
  severity: string;
  title: string;
  /** ISO 8601 in UTC; '' for a missing or invalid time. */
  issued: string;
  updated: string;
  references: AdvisoryReference[];
  collections: AdvisoryCollection[];
}

interface AdvisoryReference {
  /** bugzilla, cve, self, ... */
  type: string;
  id: string;
  href: string;
  title: string;
}

/** Packages that belong together; those of a module apply only if its stream is enabled. */
interface AdvisoryCollection {
  name: string;
  module?: { name: string; stream: string };
  packages: AdvisoryPackage[];
}

export interface AdvisoryPackage extends Nevra {
  /** Actions that the update needs to take effect. */
  suggests: Suggestion[];
}

export type Suggestion = (typeof suggestions)[number];

const suggestions = ['reboot', 'relogin', 'restart'] as const;

/** Fedora's file has more than 100 MB. */
const maxBytes = 2 * 1024 * 1024 * 1024;

/**
 * Reads the advisories of a file one by one, because the file may be too large for memory. The file's extension selects
 * the decompressor. The same ID may occur twice, with packages of another architecture or repository. As in dnf,
 * advisories without packages, and packages without name, version or architecture, are skipped. Throws REPO_INVALID.
 */
export async function* readUpdateinfo(path: string, signal?: AbortSignal): AsyncGenerator<Advisory> {
  for await (const element of elementsOf(decompressed(path, maxBytes, signal), 'update', path)) {
    const advisory = parseAdvisory(element);
    if (advisory.id !== '') yield advisory;
  }
}

/**
 * The CVEs of an advisory: its references, and the titles of its bugs and of itself, where Fedora has them. The
 * description is ignored, because it may mention CVEs that are not fixed.
 */
export function cvesOf({ title, references }: Pick<Advisory, 'title' | 'references'>): string[] {
  const texts = [title, ...references.flatMap((one) => [one.id, one.title])];
  const found = texts.flatMap((text) => text.match(/\bCVE-\d{4}-\d{4,}\b/gi) ?? []);
  return [...new Set(found.map((cve) => cve.toUpperCase()))].toSorted();
}

function parseAdvisory(element: Element): Advisory {
  return {
    id: textOf(element, 'id'),
    type: (element.attributes['type'] ?? '').toLowerCase(),
    severity: textOf(element, 'severity') || 'None',
    title: textOf(element, 'title'),
    issued: dateOf(element, 'issued'),
    updated: dateOf(element, 'updated'),
    references: childrenOf(childOf(element, 'references'), 'reference').map(parseReference),
    collections: childrenOf(element, 'pkglist')
      .flatMap((list) => childrenOf(list, 'collection'))
      .flatMap(parseCollection),
  };
}

function parseReference({ attributes, text }: Element): AdvisoryReference {
  return {
    type: (attributes['type'] ?? '').toLowerCase(),
    id: attributes['id'] ?? '',
    href: attributes['href'] ?? '',
    // Old references have the title as text.
    title: attributes['title'] ?? text.trim(),
  };
}

/** A collection may name several modules (rare, and never at Red Hat); it then counts for each. */
function parseCollection(element: Element): AdvisoryCollection[] {
  const name = textOf(element, 'name');
  const packages = childrenOf(element, 'package').flatMap(parsePackage);
  const modules = childrenOf(element, 'module').map(({ attributes }) => ({
    name: attributes['name'] ?? '',
    stream: attributes['stream'] ?? '',
  }));
  if (packages.length === 0) return [];
  return modules.length === 0 ? [{ name, packages }] : modules.map((module) => ({ name, module, packages }));
}

function parsePackage(element: Element): AdvisoryPackage[] {
  const { name = '', version = '', release = '', arch = '', epoch = '' } = element.attributes;
  if (name === '' || version === '' || arch === '') return [];
  return [
    {
      name,
      epoch: /^\d{1,9}$/.test(epoch) ? Number(epoch) : 0,
      version,
      release,
      arch,
      suggests: suggestions.filter((what) => /^[Tt1]/.test(textOf(element, `${what}_suggested`))),
    },
  ];
}

/** Seconds since 1970, or a date with or without a time, in UTC. */
function dateOf(element: Element, name: string): string {
  const text = childOf(element, name)?.attributes['date']?.trim() ?? '';
  const match = /^(\d{4}-\d{2}-\d{2})(?:[ T]+(\d{2}:\d{2}:\d{2}))?/.exec(text);
  const date = /^\d{1,11}$/.test(text)
    ? new Date(Number(text) * 1000)
    : new Date(`${match?.[1] ?? ''}T${match?.[2] ?? '00:00:00'}Z`);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().replace('.000Z', 'Z');
}
