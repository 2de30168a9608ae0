import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Flags } from '@oclif/core';
import { QueueCommand } from '../cli/queue-command.ts';
import { makeToken, readToken } from '../dashboard/access-token.ts';
import { refreshSite } from '../dashboard/fresh-site.ts';
import { parseListen, type Identity } from '../dashboard/listen-place.ts';
import { startDashboard, type DashboardOptions } from '../dashboard/start-dashboard.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { withWorkspace } from '../pipeline/state/workspace.ts';

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
    site: Flags.string({
      summary: 'serve this site, which milliner site has written, in place of one of the state',
      helpValue: 'DIR',
    }),
  };

  async run(): Promise<void> {
    const { flags } = await this.parse(DashboardCommand);
    const place = parseListen(flags.listen);
    const identity = await identityOf(flags['tls-cert'], flags['tls-key']);
    const token = await this.#token(flags.token, flags['token-file']);
    const { signal } = this.runOptions(flags);
    const over = new AbortController();
    const stopped = AbortSignal.any([over.signal, ...(signal ? [signal] : [])]);
    let serving: Promise<void> | undefined;
    try {
      await this.withQueues(flags, (queues) => {
        serving = this.#withSite(flags, (site, onError) =>
          this.#serve({ place, identity, token, queues, site, onError }, stopped),
        );
        return serving;
      });
    } catch (error) {
      // The signal closes the connection as well, which is no failure then.
      if (!signal?.aborted) throw error;
    } finally {
      over.abort();
      await serving?.catch(() => undefined);
    }
  }

  async #serve(options: DashboardOptions, stopped: AbortSignal): Promise<void> {
    const dashboard = await startDashboard(options);
    try {
      if (this.jsonEnabled()) this.logJson({ address: dashboard.address });
      else this.log(dashboard.address);
      if (!stopped.aborted) await once(stopped, 'abort');
    } finally {
      await dashboard.close();
    }
  }

  /** With a directory of the site, which is written and kept up to date unless one was given. */
  async #withSite(
    flags: Parameters<typeof this.runOptions>[0] & { site?: string | undefined },
    use: (site: string, onError: (error: unknown) => void) => Promise<void>,
  ): Promise<void> {
    const { state, progress } = this.runOptions(flags);
    const onError = (error: unknown) => progress.warn(`dashboard: ${(error as Error).message}`);
    if (flags.site !== undefined) return use(resolve(flags.site), onError);
    return withWorkspace(state, async ({ directory: workspace }) => {
      const over = new AbortController();
      const directory = join(workspace, 'site');
      const fresh = refreshSite({ state, directory, onError }, over.signal);
      try {
        await use(directory, onError);
      } finally {
        over.abort();
        await fresh;
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
