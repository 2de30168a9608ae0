/** Users and passwords of repositories from the environment, each only for the origins that the environment names. */
import { MillinerError } from '../../lib/errors/error.ts';
import { isLoopbackHost } from '../../lib/http/request.ts';
import type { Login } from './netrc.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Whether a connection cannot be intercepted. */
export function isConfidential({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || isLoopbackHost(hostname);
}

/**
 * Reads MILLINER_REPO_NAME_USERNAME, _PASSWORD and _URL, with the repository's name in capitals, and _ for any other
 * character than letters and digits. _URL lists one or more URLs separated by blanks; only their origins count. Throws
 * CREDENTIALS_INVALID.
 */
export function fromEnvironment(
  name: string,
  environment: Environment,
): { login: Login; origins: ReadonlySet<string> } | undefined {
  const variable = `MILLINER_REPO_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;
  const [username, password, urls] = ['USERNAME', 'PASSWORD', 'URL'].map(
    (part) => environment[`${variable}_${part}`],
  );
  if (username === undefined && password === undefined) return undefined;
  if (username !== undefined && password !== undefined && urls !== undefined)
    return { login: { username, password }, origins: originsOf(`${variable}_URL`, urls) };
  const missing = username === undefined ? 'USERNAME' : password === undefined ? 'PASSWORD' : 'URL';
  throw new MillinerError('CREDENTIALS_INVALID', `repository ${name}: ${variable}_${missing} is not set`, {
    hint: `Set ${variable}_USERNAME, ${variable}_PASSWORD and ${variable}_URL, which says which server they are for, or set none.`,
  });
}

function originsOf(variable: string, text: string): Set<string> {
  const urls = text.split(/\s+/).filter(Boolean);
  if (urls.length > 0 && urls.every((url) => URL.canParse(url) && isConfidential(new URL(url))))
    return new Set(urls.map((url) => new URL(url).origin));
  throw new MillinerError('CREDENTIALS_INVALID', `${variable} is not an https URL`, {
    hint: 'Name the server that the password is for, as https://HOST. Plain http is for loopback alone.',
  });
}
