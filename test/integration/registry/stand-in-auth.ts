/** Who may do what in a stand-in: Basic, or bearer tokens of a token server of its own, as hosted registries have them. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { account } from '../../helpers/registry/registry-server.ts';

export interface AuthBehaviour {
  /** Basic or bearer; reading needs it too unless `openToRead`. */
  auth?: 'basic' | 'bearer';
  openToRead?: boolean;
  /** A repository can be read once somebody has asked for the right to push to it (Quay, helm/helm#32144). */
  madeByPush?: boolean;
  /** The challenge names a repository without this part of its path (Artifactory, oras-project/oras-go#650). */
  hiddenPrefix?: string;
  /** The token server sends on, once (google/go-containerregistry#2291). */
  tokenRedirects?: boolean;
  /** Milliseconds that a token lives, whatever it says. */
  tokenLife?: number;
}

interface Grant {
  /** Repository to actions. */
  granted: Map<string, Set<string>>;
  until: number;
}

const basic = `Basic ${Buffer.from(`${account.username}:${account.password}`).toString('base64')}`;

export class StandInAuth {
  readonly #behaviour: AuthBehaviour;
  readonly #tokens = new Map<string, Grant>();
  readonly #made = new Set<string>();

  constructor(behaviour: AuthBehaviour) {
    this.#behaviour = behaviour;
  }

  /** Undefined where the request may go on; else the challenge that it gets. */
  challenge(
    host: string,
    { headers }: IncomingMessage,
    repository: string,
    action: 'pull' | 'push' | 'delete',
  ) {
    const { auth, openToRead, hiddenPrefix = '' } = this.#behaviour;
    if (auth === undefined || (openToRead && action === 'pull')) return undefined;
    if (auth === 'basic') return headers.authorization === basic ? undefined : 'Basic realm="stand-in"';
    const name = repository.startsWith(hiddenPrefix) ? repository.slice(hiddenPrefix.length) : repository;
    const { authorization } = headers;
    const grant = this.#tokens.get((authorization ?? '').replace('Bearer ', ''));
    if (grant && Date.now() < grant.until && grant.granted.get(name)?.has(action)) return undefined;
    const actions = action === 'pull' ? 'pull' : `pull,${action}`;
    const error = authorization === undefined ? '' : ',error="insufficient_scope"';
    return `${this.#bearer(host)},scope="repository:${name}:${actions}"${error}`;
  }

  /** What it says of itself to whoever only asks whether it is a registry. */
  greeting(host: string): string | undefined {
    const { auth } = this.#behaviour;
    if (auth === undefined) return undefined;
    return auth === 'basic' ? 'Basic realm="stand-in"' : this.#bearer(host);
  }

  #bearer(host: string): string {
    return `Bearer realm="http://${host}/token",service="stand-in"`;
  }

  token(url: URL, request: IncomingMessage, response: ServerResponse): void {
    const { madeByPush, hiddenPrefix, tokenRedirects, tokenLife = 300_000 } = this.#behaviour;
    if (tokenRedirects && url.pathname === '/token')
      return void response.writeHead(307, { location: `/token/here${url.search}` }).end();
    const isKnown = request.headers.authorization === basic;
    const granted = new Map<string, Set<string>>();
    for (const scope of url.searchParams.getAll('scope')) {
      const [, name = '', actions = ''] = /^repository:(.+):([a-z,*]+)$/.exec(scope) ?? [];
      // It knows repositories by their own names alone.
      if (!isKnown || (hiddenPrefix !== undefined && name.startsWith(hiddenPrefix))) continue;
      const wanted = new Set(actions.split(','));
      if (wanted.has('push')) this.#made.add(name);
      if (madeByPush && !this.#made.has(name)) wanted.delete('pull');
      granted.set(name, wanted);
    }
    const token = randomUUID();
    this.#tokens.set(token, { granted, until: Date.now() + tokenLife });
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ token, expires_in: 300 }));
  }
}
