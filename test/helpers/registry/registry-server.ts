/** A real registry (Debian's docker-registry) of a test's own: on a port of its own, with storage that outlives it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { get as getPlain } from 'node:http';
import { get as getByTls } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const account = { username: 'hatter', password: 'a hat of felt' };
/** bcrypt of the password, which is all that docker-registry takes. */
const htpasswd = 'hatter:$2b$04$x8PmgCG/CA0Il1M65TQvnuuLm5zXgTykrJhWNgWCs5K7D6CndAeTi\n';

export interface TokenAuth {
  realm: string;
  service: string;
  issuer: string;
  /** File with the certificate of whoever signs the tokens. */
  rootcertbundle: string;
}

export interface ServerOptions {
  /** Only for `account`, by HTTP's Basic authentication. */
  basic?: boolean;
  token?: TokenAuth;
  /** Files that it speaks TLS with; plain HTTP unless told. */
  tls?: { certificate: string; key: string };
  /** As Debian configures it: nothing can be deleted. */
  noDelete?: boolean;
  /** Where its configuration and storage lie; a temporary directory unless told. */
  directory?: string;
  /** Where it listens; loopback unless told. */
  address?: string;
}

export class RegistryServer {
  readonly directory: string;
  readonly host: string;
  readonly configuration: string;
  readonly #scheme: string;
  #child: ChildProcess | undefined;

  private constructor(directory: string, host: string, scheme: string) {
    this.directory = directory;
    this.#scheme = scheme;
    this.host = host;
    this.configuration = join(directory, 'config.json');
  }

  static async start(options: ServerOptions = {}): Promise<RegistryServer> {
    const { address = '127.0.0.1', tls } = options;
    const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'registry-')));
    await mkdir(directory, { recursive: true });
    const server = new RegistryServer(
      directory,
      `${address}:${await freePort(address)}`,
      tls ? 'https' : 'http',
    );
    await writeFile(join(directory, 'htpasswd'), htpasswd);
    await writeFile(server.configuration, JSON.stringify(server.#settings(options)));
    await server.start();
    return server;
  }

  /** Where its blobs and manifests lie. */
  get storage(): string {
    return join(this.directory, 'storage');
  }

  get log(): string {
    return join(this.directory, 'log');
  }

  get url(): string {
    return `${this.#scheme}://${this.host}`;
  }

  /** Starts it, again on the same port and storage; ends when it answers. */
  async start(): Promise<void> {
    // Into a file: a pipe that nobody reads, because its reader waits for another program, would stop it.
    const log = await open(this.log, 'a');
    const child = spawn('docker-registry', ['serve', this.configuration], {
      stdio: ['ignore', log.fd, log.fd],
    });
    await log.close();
    this.#child = child;
    for (let tries = 0; tries < 600; tries++) {
      if (child.exitCode !== null) break;
      if (await answers(this.url)) return;
      await sleep(50);
    }
    throw new Error(`docker-registry does not serve: ${await readFile(this.log, 'utf8')}`);
  }

  /** Ends it as a power cut does. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endChild(child, signal);
  }

  async close(): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** YAML's parser reads JSON. Without a cache: a test may change what is stored. */
  #settings({ basic, token, tls, noDelete = false }: ServerOptions): object {
    return {
      version: '0.1',
      log: { level: 'error', accesslog: { disabled: true } },
      storage: {
        filesystem: { rootdirectory: this.storage },
        delete: { enabled: !noDelete },
        maintenance: { uploadpurging: { enabled: false } },
      },
      // One secret for all its lives: an upload's address stays good.
      http: { addr: this.host, secret: 'of one test', ...(tls && { tls }) },
      ...(basic && { auth: { htpasswd: { realm: 'hats', path: join(this.directory, 'htpasswd') } } }),
      ...(token && { auth: { token } }),
    };
  }
}

function answers(url: string): Promise<boolean> {
  const get = url.startsWith('https:') ? getByTls : getPlain;
  return new Promise((resolve) => {
    const asked = get(`${url}/v2/`, { agent: false, rejectUnauthorized: false }, (answer) => {
      answer.resume();
      resolve(true);
    });
    asked.on('error', () => resolve(false));
  });
}

/** Where it still runs. */
export async function endChild(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

export async function freePort(address: string): Promise<number> {
  const server = createServer();
  server.listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
