/** netrc files, as curl and dnf read them: users and passwords by host. */

export interface Login {
  username: string;
  password: string;
}

/**
 * The first entry of a host. The `default` entry is ignored, because it would give a password to any repository. Words
 * may be in double quotes, with a backslash before a quote; macros and comment lines (#) are skipped.
 */
export function loginFor(netrc: string, host: string): Login | undefined {
  const words = wordsOf(netrc);
  for (let at = 0; at < words.length; at++) {
    if (words[at] !== 'machine' || words[++at]?.toLowerCase() !== host.toLowerCase()) continue;
    const found = new Map<string, string>();
    for (at++; !['machine', 'default', undefined].includes(words[at]); at += 2) {
      found.set(words[at]!, words[at + 1] ?? '');
    }
    const username = found.get('login');
    return username === undefined ? undefined : { username, password: found.get('password') ?? '' };
  }
  return undefined;
}

function wordsOf(netrc: string): string[] {
  const text = netrc
    // A macro ends at an empty line.
    .replaceAll(/^[ \t]*macdef\b[^]*?(?:\n[ \t]*\r?\n|$(?![^]))/gm, '\n')
    .replaceAll(/^[ \t]*#.*$/gm, '');
  return [...text.matchAll(/"((?:[^"\\]|\\[^])*)"|[^\s"]\S*/g)].map(([whole, quoted]) =>
    quoted === undefined ? whole : quoted.replaceAll(/\\([^])/g, '$1'),
  );
}
