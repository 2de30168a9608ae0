/** A Redis of a test's own that several hosts share: with an ACL user, on TCP with or without TLS, killed and started again. */
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { endChild, freePort } from './registry/registry-server.ts';

export const redisPassword = 'a password of felt/@:';

export interface RedisOptions {
  address?: string;
  /** Lines of its configuration. */
  settings?: string[];
  /** It then speaks TLS only. */
  certificate?: Certificate | undefined;
}

/** Paths. */
export interface Certificate {
  key: string;
  certificate: string;
}

export class RedisServer {
  readonly directory: string;
  readonly port: number;
  readonly address: string;
  #child: ChildProcess | undefined;
  #other: RedisServer | undefined;
  readonly #certificate: Certificate | undefined;

  private constructor(directory: string, address: string, port: number, certificate?: Certificate) {
    this.#certificate = certificate;
    this.directory = directory;
    this.address = address;
    this.port = port;
  }

  static async start({
    address = '127.0.0.1',
    settings = [],
    certificate,
  }: RedisOptions = {}): Promise<RedisServer> {
    const directory = await mkdtemp(join(tmpdir(), 'redis-'));
    const server = new RedisServer(directory, address, await freePort(address), certificate);
    const lines = [
      `bind ${address}`,
      ...(certificate
        ? [
            `port 0`,
            `tls-port ${server.port}`,
            `tls-cert-file ${certificate.certificate}`,
            `tls-key-file ${certificate.key}`,
            `tls-auth-clients no`,
          ]
        : [`port ${server.port}`]),
      `dir ${directory}`,
      'appendonly yes',
      'save ""',
      `logfile ${join(directory, 'log')}`,
      // Redis 7.0 reads its journal as this user: where it may nothing, transactions are lost.
      'user default on >root ~* &* +@all',
      `user milliner on ">${redisPassword}" ~milliner:* &milliner:* +@all -@dangerous +info`,
      ...settings,
    ];
    await writeFile(join(directory, 'redis.conf'), `${lines.join('\n')}\n`);
    await server.start();
    return server;
  }

  /** Of the user that may touch Milliner's keys only. */
  get url(): string {
    return this.urlBy(this.port);
  }

  /** The same by a port that leads to it. */
  urlBy(port: number): string {
    const scheme = this.#certificate === undefined ? 'redis' : 'rediss';
    return `${scheme}://milliner:${encodeURIComponent(redisPassword)}@${this.address}:${port}`;
  }

  async start(): Promise<void> {
    this.#child = spawn('redis-server', [join(this.directory, 'redis.conf')], { stdio: 'ignore' });
    for (let tries = 0; tries < 200; tries++) {
      const redis = this.client();
      const answer = await redis.ping().catch(() => undefined);
      redis.disconnect();
      if (answer === 'PONG') return;
      await sleep(50);
    }
    throw new Error('redis-server does not answer');
  }

  /** Who may do everything. */
  client(): Redis {
    const tls = this.#certificate && { tls: { rejectUnauthorized: false } };
    const options = { ...tls, password: 'root', retryStrategy: () => null };
    const redis = new Redis({ host: this.address, port: this.port, ...options });
    redis.on('error', () => {});
    return redis;
  }

  /** Starts it again with more lines in its configuration. */
  async add(settings: readonly string[]): Promise<void> {
    await this.kill();
    await appendFile(join(this.directory, 'redis.conf'), `${settings.join('\n')}\n`);
    await this.start();
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    await endChild(child, signal);
  }

  /** Ends with this one. */
  adopt(other: RedisServer): void {
    this.#other = other;
  }

  async close(): Promise<void> {
    await this.#other?.close();
    await this.kill();
    await rm(this.directory, { recursive: true, force: true });
  }
}
