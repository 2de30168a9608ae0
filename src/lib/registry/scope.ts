/** What a token is asked for: `TYPE:NAME:ACTION,ACTION`, several with blanks between (distribution's scope.md). */

/** Each part begins with a colon, which none has: there is one way to read a text, however long. */
const grammar = /^[a-z]+(?:\([a-z]+\))?:[^\s:]+(?::[^\s:]+)*:[a-z*]+(?:,[a-z*]+)*$/;
/** More than any registry names, fewer than would fill a URL. */
const maxScopes = 20;

/** Both, each thing once with all that is wanted of it; what another wrote and is no scope is left out. */
export function mergeScopes(own: string, requested: string): string {
  const actions = new Map<string, Set<string>>();
  for (const one of [...own.split(' '), ...requested.slice(0, 4096).split(' ')]) {
    if (!grammar.test(one)) continue;
    const at = one.lastIndexOf(':');
    const thing = one.slice(0, at);
    const known = actions.get(thing) ?? new Set();
    if (actions.size >= maxScopes && !actions.has(thing)) continue;
    actions.set(thing, known.union(new Set(one.slice(at + 1).split(','))));
  }
  return [...actions].map(([thing, wanted]) => `${thing}:${[...wanted].join(',')}`).join(' ');
}
