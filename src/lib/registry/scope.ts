/** Scopes of tokens: `TYPE:NAME:ACTION,ACTION`, several separated by blanks (distribution's scope.md). */

/** Each part begins with a colon and contains none, so a text can be read in only one way, however long it is. */
const grammar = /^[a-z]+(?:\([a-z]+\))?:[^\s:]+(?::[^\s:]+)*:[a-z*]+(?:,[a-z*]+)*$/;
/** More than any registry names, and few enough for a URL. */
const maxScopes = 20;

/** Merges two scopes: each resource once, with all actions. Parts that are not scopes are omitted. */
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
