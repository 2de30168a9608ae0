/** A package's %files section: every path of the .deb with the owner and mode that its tar gives. */
import type { Entry } from './contents.ts';

/** Where there is a System V script beside a unit, systemctl calls Debian's update-rc.d. */
const systemV = /^\/etc\/(init\.d|rc.\.d)(\/|$)/;

/**
 * `shared` are base-files' directories: as on Fedora, where `filesystem` owns them, no other package does.
 * `overrides` are finished lines; one whose path the .deb has too takes its place.
 */
export function filesSection(
  entries: readonly Entry[],
  conffiles: ReadonlySet<string>,
  shared: ReadonlySet<string>,
  overrides: readonly string[],
): string[] {
  const replaced = new Set(overrides.map(pathOfLine));
  const own = entries.filter(
    ({ path, type }) =>
      path !== '/' &&
      !replaced.has(path) &&
      !systemV.test(path) &&
      !(type === 'directory' && shared.has(path)),
  );
  return [...own.map((entry) => fileLine(entry, conffiles)), ...overrides];
}

function fileLine(entry: Entry, conffiles: ReadonlySet<string>): string {
  // rpmbuild expands macros everywhere. A lone `[` is no glob; a path that is one fails the build by name.
  const path = `"${entry.path.replaceAll('%', '%%')}"`;
  if (entry.type === 'link') return path;
  const attributes = `%attr(${entry.mode}, ${entry.owner}, ${entry.group})`;
  if (entry.type === 'directory') return `${attributes} %dir ${path}`;
  const config = conffiles.has(entry.path) ? '%config(noreplace) ' : '';
  return `${config}${language(entry.path)}${attributes} ${path}`;
}

/** Translations are installed only for the languages that an image asks for (%_install_langs). */
function language(path: string): string {
  const match =
    /^\/usr\/share\/locale\/([^/]+)\/LC_/.exec(path) ?? /^\/usr\/share\/man\/([a-z]{2}[^/]*)\/man/.exec(path);
  const code = match?.[1]?.replace(/\..*/, '');
  return code && code !== 'man' ? `%lang(${code}) ` : '';
}

/** A path stands last on its line, quoted where it has spaces. */
function pathOfLine(line: string): string {
  return /"([^"]+)"$/.exec(line)?.[1] ?? line.split(/\s+/).at(-1) ?? '';
}

/** User and group names that the lines give files to, root aside. */
export function ownersOf(lines: readonly string[]): { users: string[]; groups: string[] } {
  const users = new Set<string>();
  const groups = new Set<string>();
  for (const line of lines) {
    const match = /%attr\([^,]+,\s*([^,\s]+)\s*,\s*([^)\s]+)\s*\)/.exec(line);
    if (match?.[1]) users.add(match[1]);
    if (match?.[2]) groups.add(match[2]);
  }
  const names = (set: Set<string>) => [...set].filter((name) => name !== 'root' && name !== '-').toSorted();
  return { users: names(users), groups: names(groups) };
}
