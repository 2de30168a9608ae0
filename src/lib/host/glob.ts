/**
 * Globs of names, as in a shell without braces: `*` is any text, `?` any character, `[a-c]` one of a set and `[!a-c]` one
 * outside of it. Recipes choose the pattern and repositories the names, so the time is linear in both: that of node:path
 * grows without end with the number of stars.
 */
export function matchesGlob(glob: string, text: string): boolean {
  let [g, t, star, resume] = [0, 0, -1, 0];
  while (t < text.length) {
    const next = glob[g] === '*' ? undefined : afterOne(glob, g, text[t]!);
    if (glob[g] === '*') {
      star = g++;
      resume = t;
    } else if (next !== undefined) {
      g = next;
      t += 1;
    } else if (star >= 0) {
      g = star + 1;
      t = ++resume;
    } else return false;
  }
  while (glob[g] === '*') g += 1;
  return g === glob.length;
}

/** Where the glob goes on after it has matched one character; undefined if it does not match that. */
function afterOne(glob: string, at: number, character: string): number | undefined {
  if (at >= glob.length) return undefined;
  const end = glob[at] === '[' ? endOfSet(glob, at) : -1;
  if (end < 0) return glob[at] === '?' || glob[at] === character ? at + 1 : undefined;
  const isNegated = '!^'.includes(glob[at + 1]!);
  const isListed = hasCharacter(glob, at + (isNegated ? 2 : 1), end, character);
  return isListed === isNegated ? undefined : end + 1;
}

/** A bracket right after the first one is a member; without an end the first one is a character like any other. */
function endOfSet(glob: string, at: number): number {
  const first = '!^'.includes(glob[at + 1] ?? ' ') ? at + 2 : at + 1;
  return glob.indexOf(']', first + 1);
}

function hasCharacter(glob: string, from: number, end: number, character: string): boolean {
  for (let at = from; at < end; at++) {
    const isRange = glob[at + 1] === '-' && at + 2 < end;
    const last = isRange ? glob[at + 2]! : glob[at]!;
    if (glob[at]! <= character && character <= last) return true;
    if (isRange) at += 2;
  }
  return false;
}
