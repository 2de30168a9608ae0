import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { QueueCommand } from '../cli/queue-command.ts';
import { makeToken, readToken } from '../dashboard/access-token.ts';
import { parseListen, type Identity } from '../dashboard/listen-place.ts';
import { startDashboard } from '../dashboard/start-dashboard.ts';
import { MillinerError } from '../lib/errors/error.ts';

export default class DashboardCommand extends QueueCommand {
  static override summary = 'Serve the site of the images, the queue live, and bull-board to browsers';
  static override description = `Listens on loopback, where every user of this host can read it, until Ctrl-C. On a unix socket only its owner gets there.

Elsewhere than on loopback it needs a certificate. Nothing can be changed unless it is started with a token: then whoever signs in with it can retry and cancel releases, and elsewhere than on loopback only they can read.`;
  static override examples = [
    '<%= config.bin %> dashboard',
    '<%= config.bin %> dashboard --token',
    '<%= config.bin %> dashboard --listen /run/milliner/dashboard.sock',
    '<%= config.bin %> dashboard --listen 0.0.0.0:8443 --tls-cert fullchain.pem --tls-key key.pem --token-file token',
  ];
  static override flags = {
    listen: Flags.string({
      summary: 'where to listen; port 0 is a free one',
      helpValue: 'PORT|HOST:PORT|PATH',
      default: '127.0.0.1:8117',
    }),
    'tls-cert': Flags.string({
      summary: 'certificate in PEM, with those of its authorities',
      helpValue: 'FILE',
      dependsOn: ['tls-key'],
    }),
    'tls-key': Flags.string({
      summary: 'private key of the certificate in PEM, without a password',
      helpValue: 'FILE',
      dependsOn: ['tls-cert'],
    }),
    'token-file': Flags.string({
      summary: 'file with the token to sign in with, which only its owner can read',
      helpValue: 'FILE',
      exclusive: ['token'],
    }),
    token: Flags.boolean({
      summary: 'make a token for this run, and show it once at the terminal',
      default: false,
    }),
    site: Flags.string({ summary: 'directory of the site to serve', helpValue: 'DIR', required: true }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(DashboardCommand);
    const place = parseListen(flags.listen);
    const identity = await identityOf(flags['tls-cert'], flags['tls-key']);
    const token = await this.#token(flags.token, flags['token-file']);
    const site = resolve(flags.site);
    const { signal, progress } = this.runOptions(flags);
    await this.withQueues(flags, async (queues) => {
      const onError = (error: unknown) => progress.warn(`dashboard: ${(error as Error).message}`);
      const dashboard = await startDashboard({ place, identity, token, queues, site: () => site, onError });
      try {
        if (this.jsonEnabled()) this.logJson({ address: dashboard.address });
        else this.log(dashboard.address);
        await untilStopped(signal);
      } finally {
        await dashboard.close();
      }
    });
  }

  /** The answer is the address, which is given at the start. */
  override logJson(value: unknown): void {
    if (value !== undefined) super.logJson(value);
  }

  async #token(isMade: boolean, file: string | undefined): Promise<string | undefined> {
    if (file !== undefined) return readToken(resolve(file));
    if (!isMade) return undefined;
    if (!process.stderr.isTTY) {
      throw new MillinerError(
        'USAGE',
        '--token shows a secret, and stderr is no terminal: a log would hold it',
        {
          hint: 'Give a file with --token-file.',
        },
      );
    }
    const token = makeToken();
    this.logToStderr(`token  ${token}`);
    return token;
  }
}

async function identityOf(cert: string | undefined, key: string | undefined): Promise<Identity | undefined> {
  if (cert === undefined || key === undefined) return undefined;
  const read = (path: string) =>
    readFile(resolve(path), 'utf8').catch((cause: NodeJS.ErrnoException) => {
      throw new MillinerError('CERTIFICATE_INVALID', `${path} cannot be read: ${cause.code}`, { cause });
    });
  return { cert: await read(cert), key: await read(key) };
}

async function untilStopped(signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((done) => signal?.addEventListener('abort', () => done(), { once: true }));
}
