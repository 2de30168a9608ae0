/** The text of a pull request: what changes, what that fixes, and what follows. What is too long for GitHub goes to a file. */
import { fillTemplate } from '../lib/host/template.ts';
import { byUrgency } from '../lib/rpm/severity.ts';
import { showSize } from '../stages/report/amounts.ts';
import { escapeAll } from '../stages/report/escape-text.ts';
import { changeLine, reasonLine } from '../stages/report/image-lines.ts';
import { escapeGithub, shorten } from './escape-github.ts';
import { readTemplate } from './github-template.ts';
import type { Proposal } from './propose-locks.ts';

/** Characters; GitHub refuses more. */
export const maxBodyLength = 65_536;
/** Of a name, version or title: a package can be called anything. */
const maxNameLength = 300;
const maxEntryLength = 4000;
const maxCves = 20;
const maxReasons = 20;
/** A rebase can bring hundreds of entries; the newest tell what a reader asks for. */
const maxEntries = 20;

interface PullView {
  recipe: string;
  isSecurity: boolean;
  arches: string;
  update: string;
  count: string;
  reasons: string[];
  advisories: { id: string; severity: string; cves: string; title: string }[];
  packages: { name: string; arch: string; change: string }[];
  changelogs: { name: string; arch: string; entries: string[] }[];
  /** Locks of bases that the branch brings along. */
  bases: string[];
  followers: string[];
  /** Path of the file with the rest; empty if there is none. */
  rest: string[];
}

export interface PullText {
  body: string;
  /** All of it, where the body has less. */
  rest: string | undefined;
}

/** @param restPath where the rest would lie in the repository */
export async function pullText(
  proposal: Proposal,
  followers: readonly string[],
  restPath: string,
): Promise<PullText> {
  const template = await readTemplate('pull');
  const render = (view: PullView) => fillTemplate(template, { ...escapeAll(view, escapeGithub) });
  const whole = viewOf(proposal, followers);
  const full = render(whole);
  if (full.length <= maxBodyLength) return { body: full, rest: undefined };
  let view: PullView = { ...whole, changelogs: [], rest: [restPath] };
  let body = render(view);
  while (body.length > maxBodyLength) {
    view = halved(view);
    body = render(view);
  }
  return { body, rest: full };
}

/** Of the longest list the first half: advisories and packages are sorted by what people need first. */
function halved(view: PullView): PullView {
  const lists = ['packages', 'advisories', 'followers', 'reasons'] as const;
  const longest = lists.toSorted((a, b) => view[b].length - view[a].length)[0]!;
  return { ...view, [longest]: view[longest].slice(0, Math.floor(view[longest].length / 2)) };
}

function viewOf({ kind, image, lock, chain, changes }: Proposal, followers: readonly string[]): PullView {
  const { packages = [], advisories = [] } = changes;
  const sorted = packages.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
  return {
    recipe: image.recipe,
    isSecurity: kind === 'security',
    arches: Object.keys(lock.arches).join(', '),
    update: showSize(image.updateBytes),
    count: packages.length === 1 ? '1 package' : `${packages.length} packages`,
    reasons: image.reasons
      .filter((reason) => reason.kind === 'base' || reason.kind === 'recipe')
      .slice(0, maxReasons)
      .map((reason) => reasonLine(reason)),
    advisories: advisories.toSorted(byUrgency).map(({ id, severity, cves = [], title = '' }) => ({
      id: cut(id),
      severity: cut(severity),
      cves: cvesLine(cves),
      title: cut(title),
    })),
    packages: sorted.map(({ from, to, ...one }) => ({ ...nameOf(one), change: cut(changeLine(from, to)) })),
    changelogs: sorted.flatMap(({ changelog = [], ...one }) =>
      changelog.length === 0 ? [] : [{ ...nameOf(one), entries: newest(changelog) }],
    ),
    bases: chain.slice(0, -1).map(({ loaded }) => loaded.recipe.name),
    followers: [...followers],
    rest: [],
  };
}

const cut = (text: string) => shorten(text, maxNameLength);
const nameOf = ({ name, arch }: { name: string; arch: string }) => ({ name: cut(name), arch: cut(arch) });

const cvesLine = (cves: readonly string[]) =>
  cut([...cves.slice(0, maxCves), ...(cves.length > maxCves ? ['...'] : [])].join(', '));

function newest(changelog: readonly string[]): string[] {
  const hidden = changelog.length - maxEntries;
  const shown = changelog.slice(0, maxEntries).map((entry) => shorten(entry, maxEntryLength));
  return hidden > 0 ? [...shown, `and ${hidden} earlier entries`] : shown;
}
