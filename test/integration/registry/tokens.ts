/** A token server for docker-registry's bearer tokens, strict about what it is asked (distribution's docs/spec/auth). */
import { spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, createPublicKey, randomUUID, sign, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { account, type TokenAuth } from '../../helpers/registry/registry-server.ts';

const service = 'hats.example';
const issuer = 'milliner tests';
export const identityToken = 'an identity token of the tests';

/** One request for a token, as it came. */
export interface Asked {
  method: string;
  /** From the query or the form, each scope for itself. */
  scopes: string[];
  /** Who asked: the account, an identity token, or nobody. */
  as: 'account' | 'identity' | 'nobody';
}

export class TokenServer {
  readonly asked: Asked[] = [];
  /** Seconds that a token lives. */
  life = 300;
  /** Which of the wanted accesses are granted; all of them to whoever has logged in. */
  grants: (scope: string, as: Asked['as']) => boolean = (_scope, as) => as !== 'nobody';
  readonly #directory: string;
  readonly #server: Server;
  readonly #key: KeyObject;

  private constructor(directory: string, server: Server, key: KeyObject) {
    this.#directory = directory;
    this.#server = server;
    this.#key = key;
  }

  static async start(): Promise<TokenServer> {
    const directory = mkdtempSync(join(tmpdir(), 'tokens-'));
    const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
    const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=tokens'];
    const made = spawnSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate]);
    if (made.status !== 0) throw new Error(`openssl: ${made.stderr?.toString() ?? made.error?.message}`);
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const tokens = new TokenServer(directory, server, createPrivateKey(readFileSync(key)));
    server.on('request', (request, response) => void tokens.#serve(request, response));
    return tokens;
  }

  /** For the registry's configuration. */
  get auth(): TokenAuth {
    const realm = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/token`;
    return { realm, service, issuer, rootcertbundle: join(this.#directory, 'certificate.pem') };
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
    rmSync(this.#directory, { recursive: true });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    let body = '';
    for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString();
    const posted = request.method === 'POST';
    const words = posted ? new URLSearchParams(body) : searchParams;
    const scopes = posted ? (words.get('scope') ?? '').split(' ') : words.getAll('scope');
    const as = whoAsks(request, words, posted);
    if (pathname !== '/token' || words.get('service') !== service || as === undefined) {
      response.writeHead(as === undefined ? 401 : 400).end('{}');
      return;
    }
    this.asked.push({ method: request.method ?? '', scopes, as });
    const token = this.#token(scopes.filter((scope) => this.grants(scope, as)));
    const answer = posted ? { access_token: token, token_type: 'Bearer' } : { token };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ ...answer, expires_in: this.life }));
  }

  #token(scopes: string[]): string {
    const now = Math.floor(Date.now() / 1000);
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',') };
    });
    const times = { iat: now, nbf: now - 60, exp: now + this.life, jti: randomUUID() };
    const claims = { iss: issuer, sub: account.username, aud: service, ...times, access };
    const header = { typ: 'JWT', alg: 'ES256', kid: keyId(this.#key) };
    const signed = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    return `${signed}.${signature.toString('base64url')}`;
  }
}

/** Undefined: somebody who may not ask. */
function whoAsks(request: IncomingMessage, words: URLSearchParams, posted: boolean): Asked['as'] | undefined {
  if (posted) {
    const grant = words.get('grant_type') === 'refresh_token' && words.get('client_id') !== null;
    return grant && words.get('refresh_token') === identityToken ? 'identity' : undefined;
  }
  const { authorization } = request.headers;
  if (authorization === undefined) return 'nobody';
  const pair = Buffer.from(`${account.username}:${account.password}`).toString('base64');
  return authorization === `Basic ${pair}` ? 'account' : undefined;
}

/** libtrust's: the first 240 bits of the public key's SHA-256 in base32, in groups of four. */
function keyId(key: KeyObject): string {
  const der = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const bits = [...createHash('sha256').update(der).digest().subarray(0, 30)]
    .map((byte) => byte.toString(2).padStart(8, '0'))
    .join('');
  const letters = bits
    .match(/.{5}/g)!
    .map((five) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[Number.parseInt(five, 2)]);
  return letters.join('').match(/.{4}/g)!.join(':');
}
