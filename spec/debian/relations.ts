/** Debian's package relations as rpm's dependencies. */
import { formatEvr, parseVersion } from './version.ts';

/**
 * Tools that only Debian's maintainer scripts call. Those scripts do not run here, so nothing needs them, and
 * an image would carry debconf and with it Perl for nothing.
 */
const maintainerTools = new Set([
  'adduser',
  'cdebconf',
  'debconf',
  'debconf-2.0',
  'dpkg',
  'init-system-helpers',
  'install-info',
  'lsb-base',
  'runit-helper',
  'sysvinit-utils',
  'ucf',
]);

/** Debian's strict and lenient comparisons. rpm takes 2.36-9 and 2.36 as equal, so `>>` must become `>=`. */
const operators: Record<string, string> = { '<<': '<', '<=': '<=', '=': '=', '>=': '>=', '>>': '>=' };

interface Relation {
  name: string;
  text: string;
  versioned: boolean;
}

/** One entry for each clause; a clause with alternatives becomes a rich dependency. */
export function requirements(field: string | undefined, dropped: ReadonlySet<string>): string[] {
  return clauses(field).flatMap((alternatives) => {
    if (alternatives.some(({ name }) => maintainerTools.has(name) || dropped.has(name))) return [];
    const texts = [...new Set(alternatives.map(({ text }) => text))];
    return texts.length > 1 ? `(${texts.join(' or ')})` : texts;
  });
}

/** Relations without alternatives: Conflicts, Breaks, Replaces. */
export function plainRelations(field: string | undefined): Relation[] {
  return clauses(field).flat();
}

/**
 * A Provides without a version never meets a versioned relation in Debian, but meets every one in rpm, so a
 * package would conflict with what it provides: it gets the package's own version.
 */
export function provisions(field: string | undefined, own: string): string[] {
  return clauses(field)
    .flat()
    .map(({ text, versioned }) => (versioned ? text : `${text} = ${formatEvr(parseVersion(own))}`));
}

function clauses(field: string | undefined): Relation[][] {
  if (!field) return [];
  return field
    .split(',')
    .map((clause) => clause.trim())
    .filter(Boolean)
    .map((clause) => clause.split('|').map((relation) => parseRelation(relation.trim())));
}

function parseRelation(text: string): Relation {
  const match = /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)?(?:\s*\((<<|<=|=|>=|>>)\s*([^)]+)\))?$/.exec(text);
  if (!match?.[1]) throw new Error(`not a Debian relation: ${text}`);
  const [, name, operator, version] = match;
  if (!operator || !version) return { name, text: name, versioned: false };
  const evr = parseVersion(version.trim());
  // `<< 1.2-.` is Debian's way to say any revision of 1.2.
  if (operator === '<<' && evr.release === '.') {
    delete evr.release;
    return { name, text: `${name} <= ${formatEvr(evr)}`, versioned: true };
  }
  return { name, text: `${name} ${operators[operator]} ${formatEvr(evr)}`, versioned: true };
}
