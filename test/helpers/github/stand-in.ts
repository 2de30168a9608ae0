/**
 * A stand-in for GitHub on loopback. It keeps a repository, holds every request and every one of its own answers to
 * GitHub's description of its API, and writes down what was changed. A request that GitHub does not describe is answered
 * with 500 and kept in `violations`, which every test expects to be empty.
 */
import { createHmac, generateKeyPairSync, randomUUID, verify, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Description, type Route } from './description.ts';
import { Refusal, type ApiAnswer, type ApiRoute, type Caller, type Needs } from './exchange.ts';
import { Faults, type Fault } from './faults.ts';
import { gitRoutes } from './git-routes.ts';
import { issueRoutes } from './issue-routes.ts';
import { releaseRoutes } from './release-routes.ts';
import { repositoryRoutes, type Installation } from './repository-routes.ts';
import { RepositoryState } from './repository-state.ts';

export { limits, type Fault } from './faults.ts';

export interface SeenRequest {
  method: string;
  /** Below the repository. */
  path: string;
  body: unknown;
  authorization: string;
}

const everything = {
  metadata: 'read',
  contents: 'write',
  pull_requests: 'write',
  issues: 'write',
  statuses: 'write',
  checks: 'write',
};
/** Making a pair takes longer than most tests. */
let keys: { privateKey: KeyObject; publicKey: KeyObject } | undefined;
const documentation = 'https://docs.github.com/rest';

export class GithubStandIn {
  readonly state: RepositoryState;
  readonly violations: string[] = [];
  readonly requests: SeenRequest[] = [];
  readonly faults = new Faults();
  readonly tokens = new Map<string, Caller>();
  /** Labels of issues are ignored in silence, as at GitHub for those who may not push. */
  dropLabels = false;
  /** The App's private key in PKCS#1, as GitHub hands it out. */
  readonly appKey: string;
  readonly appId = '4711';
  readonly #publicKey: KeyObject;
  readonly #description = Description.open();
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #installation: Installation;
  readonly #routes: Map<string, ApiRoute>;

  static async start(repository = 'hats/images'): Promise<GithubStandIn> {
    const standIn = new GithubStandIn(repository);
    await new Promise<void>((done) => standIn.#server.listen(0, '127.0.0.1', done));
    return standIn;
  }

  private constructor(repository: string) {
    this.state = new RepositoryState(repository);
    keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
    this.appKey = keys.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString();
    this.#publicKey = keys.publicKey;
    this.#installation = { id: 42, permissions: { ...everything }, newToken: () => this.#newToken() };
    const all = [...repositoryRoutes(this.#installation), ...gitRoutes, ...issueRoutes, ...releaseRoutes];
    this.#routes = new Map(all.map((one) => [one.route, one]));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get repository(): string {
    return `${this.state.owner}/${this.state.name}`;
  }

  /** Requests that were to change something. */
  get writes(): SeenRequest[] {
    return this.requests.filter(
      ({ method, path }) => !['GET', 'HEAD'].includes(method) && !path.includes('/access_tokens'),
    );
  }

  /** A classic token with scopes; GitHub says them in a header. */
  addToken(scopes: readonly string[] = ['repo']): string {
    const token = `ghp_${randomToken(36)}`;
    this.tokens.set(token, { kind: 'classic', login: 'hatter', scopes });
    return token;
  }

  /** A fine-grained token. */
  addFineToken(permissions: Record<string, string> = everything): string {
    const token = `github_pat_${randomToken(60)}`;
    this.tokens.set(token, { kind: 'fine', login: 'hatter', permissions });
    return token;
  }

  /** What the App's installation may do from now on. */
  set permissions(permissions: Record<string, string>) {
    this.#installation.permissions = permissions;
  }

  fail(fault: Fault): void {
    this.faults.add(fault);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }

  #newToken(): string {
    const token = `ghs_${randomToken(36)}`;
    const { permissions } = this.#installation;
    this.tokens.set(token, { kind: 'installation', login: 'milliner[bot]', permissions });
    return token;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const raw = Buffer.concat(chunks);
    const url = new URL(request.url!, this.url);
    const authorization = request.headers.authorization ?? '';
    const path = url.pathname.replace(/^\/repos\/[^/]+\/[^/]+/, '');
    const contentType = request.headers['content-type'] ?? '';
    const method = request.method!;
    // The file of a release may be JSON itself.
    const isFile = method === 'POST' && path.endsWith('/assets');
    const isJson = contentType.includes('json') && raw.length > 0 && !isFile;
    const body = isJson ? (JSON.parse(raw.toString()) as unknown) : undefined;
    this.requests.push({ method, path, body: body ?? raw.toString('latin1'), authorization });
    const fault = this.faults.take(method, path);
    if (fault?.expireTokens === true) this.#expireTokens();
    if (fault?.cut === 'before') return void request.socket.destroy();
    const caller = this.#callerOf(authorization);
    if (fault && fault.cut === undefined && fault.expireTokens !== true)
      return this.#sendFault(response, fault, authorization, caller);
    const answer = this.#answer(method, url, body, { raw, contentType, caller });
    if (fault?.cut === 'after') return void request.socket.destroy();
    this.#send(response, url, answer, caller);
  }

  #expireTokens(): void {
    for (const [token, { kind }] of this.tokens) if (kind === 'installation') this.tokens.delete(token);
  }

  #callerOf(authorization: string): Caller {
    const [, token = ''] = /^(?:bearer|token) (.+)$/i.exec(authorization) ?? [];
    const known = this.tokens.get(token);
    if (known) return known;
    const [head, claims, signature] = token.split('.');
    const isSigned =
      signature !== undefined &&
      verify(
        'sha256',
        Buffer.from(`${head}.${claims}`),
        this.#publicKey,
        Buffer.from(signature, 'base64url'),
      );
    return { kind: isSigned ? 'app' : 'none', login: 'milliner[bot]' };
  }

  #answer(
    method: string,
    url: URL,
    body: unknown,
    { raw, contentType, caller }: { raw: Buffer; contentType: string; caller: Caller },
  ): ApiAnswer {
    const route = this.#description.find(method, url.pathname);
    if (!route) return this.#violation(`${method} ${url.pathname} is not described`);
    const own = this.#routes.get(`${method} ${route.template}`);
    if (!own) return this.#violation(`${method} ${route.template} is not in the stand-in`);
    const faults = this.#description.requestFaults(route, url.searchParams, body);
    if (faults.length > 0) return this.#violation(`${method} ${url.pathname}: ${faults.join('; ')}`);
    const answer = this.#handled(own, () => {
      this.#admit(route, own, caller);
      const request = { params: route.params, query: url.searchParams, caller, raw, contentType };
      const fields = { ...(body as object | undefined) } as Record<string, unknown>;
      if (this.dropLabels) delete fields['labels'];
      return own.handle({ ...request, body: fields, description: this.#description }, this.state);
    });
    return this.#checked(route, answer);
  }

  #handled({ route }: ApiRoute, handle: () => ApiAnswer): ApiAnswer {
    try {
      return handle();
    } catch (error) {
      if (!(error instanceof Refusal)) return this.#violation(`${route}: ${String((error as Error).stack)}`);
      const { status, message, errors } = error;
      if (message === '') return { status };
      return { status, body: { message, documentation_url: documentation, ...(errors && { errors }) } };
    }
  }

  /** GitHub hides what may not be read, and refuses what may not be written. */
  #admit({ params }: Route, { needs, orNeeds }: ApiRoute, caller: Caller): void {
    if (caller.kind === 'none') throw new Refusal(401, 'Bad credentials');
    const isHere =
      params['owner'] === undefined || `${params['owner']}/${params['repo']}` === this.repository;
    if (!isHere) throw new Refusal(404, 'Not Found');
    if (!needs) return;
    if (caller.kind === 'app') throw new Refusal(404, 'Not Found');
    if (mayDo(caller, needs) || (orNeeds && mayDo(caller, orNeeds))) return;
    const whom = caller.kind === 'installation' ? 'integration' : 'personal access token';
    throw new Refusal(403, `Resource not accessible by ${whom}`);
  }

  #checked(route: Route, answer: ApiAnswer): ApiAnswer {
    // GitHub answers these everywhere, described or not.
    const body = JSON.parse(JSON.stringify(answer.body ?? null)) as unknown;
    if ([401, 403, 404].includes(answer.status)) return { ...answer, body };
    const own = answer.body === undefined ? undefined : body;
    const faults = this.#description.answerFaults(route, answer.status, own);
    if (faults.length > 0 && !(answer.status === 422 && faults[0]!.includes('does not answer')))
      return this.#violation(`the stand-in itself: ${faults.join('; ')}`);
    return { ...answer, body: own };
  }

  #violation(what: string): ApiAnswer {
    this.violations.push(what);
    return { status: 400, body: { message: what } };
  }

  #sendFault(response: ServerResponse, fault: Fault, authorization: string, { scopes }: Caller): void {
    const { status = 500, message = 'a fault', headers = {}, echo, text } = fault;
    const words =
      echo === true ? `${message} ${authorization} ${authorization.replace(/^\w+ /, '')}` : message;
    const body = text ?? JSON.stringify({ message: words, documentation_url: documentation });
    response.writeHead(status, {
      'content-type': text === undefined ? 'application/json' : 'text/html',
      ...(scopes && { 'x-oauth-scopes': scopes.join(', ') }),
      ...(echo === true && { 'x-echo': authorization }),
      ...headers,
    });
    response.end(body);
  }

  #send(response: ServerResponse, url: URL, { status, body }: ApiAnswer, { scopes }: Caller): void {
    const size = Number(url.searchParams.get('per_page') ?? 30);
    const list = Array.isArray(body) ? body : undefined;
    const next = new URL(url);
    next.searchParams.set('page', String(Number(url.searchParams.get('page') ?? 1) + 1));
    response.writeHead(status, {
      'x-ratelimit-limit': '5000',
      'x-ratelimit-remaining': '4999',
      ...(scopes && { 'x-oauth-scopes': scopes.join(', ') }),
      ...(status === 403 && scopes && { 'x-accepted-oauth-scopes': 'repo' }),
      ...(list?.length === size && { link: `<${next.href}>; rel="next"` }),
      ...(body !== undefined && { 'content-type': 'application/json; charset=utf-8' }),
    });
    response.end(body === undefined ? undefined : JSON.stringify(body));
  }
}

function mayDo({ kind, scopes = [], permissions = {} }: Caller, [permission, access]: Needs): boolean {
  const ofScopes = scopes.includes('repo') ? 'write' : 'read';
  const given = kind === 'classic' ? ofScopes : permissions[permission];
  return given === 'write' || (given === 'read' && access === 'read');
}

/** Letters and digits alone, as in GitHub's tokens. */
function randomToken(length: number): string {
  const digits = createHmac('sha512', randomUUID()).update('token').digest('hex');
  return digits.slice(0, length);
}
