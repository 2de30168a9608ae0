/** Challenges: the authorization that a server asks for in WWW-Authenticate (RFC 9110, 11.6.1). */

export interface Challenge {
  /** Lower case. */
  scheme: string;
  parameters: Readonly<Record<string, string>>;
}

const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const parameter = new RegExp(
  String.raw`\s*(${token})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|(${token}))\s*(?:,|$)`,
  'y',
);
const schemeName = new RegExp(String.raw`[\s,]*(${token})(?:\s+|,|$)`, 'y');

/** All challenges of all such headers, in order; a header is read up to the first malformed part. */
export function parseChallenges(header: string | string[] | undefined): Challenge[] {
  return [header ?? []].flat().flatMap((text) => [...challengesOf(text)]);
}

function* challengesOf(text: string): Generator<Challenge> {
  let at = 0;
  const next = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at = pattern.lastIndex;
    return found;
  };
  while (at < text.length) {
    const scheme = next(schemeName)?.[1]?.toLowerCase();
    if (scheme === undefined) return;
    const parameters: Record<string, string> = {};
    for (let found = next(parameter); found; found = next(parameter)) {
      parameters[found[1]!.toLowerCase()] = found[2]?.replaceAll(/\\(.)/g, '$1') ?? found[3] ?? '';
    }
    yield { scheme, parameters };
  }
}
