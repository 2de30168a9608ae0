/** A keyring of gpg with secret keys, for tests that sign with it as others do. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

export class GpgHome {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** Its agent's socket lies in it, and a socket's path may have 107 bytes. */
  static async open(): Promise<GpgHome> {
    return new GpgHome(await mkdtemp('/tmp/gpg-'));
  }

  async close(): Promise<void> {
    await run('gpgconf', ['--homedir', this.path, '--kill', 'all']);
    await rm(this.path, { recursive: true, force: true });
  }

  async gpg(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
    const own = ['--homedir', this.path, '--batch', '--yes', '--quiet'];
    const quiet = ['--pinentry-mode', 'loopback', '--passphrase', ''];
    return (await run('gpg', [...own, ...quiet, ...args], { env })).stdout;
  }

  /** Gives the fingerprint. */
  async makeKey(name: string, algorithm: string, use = 'sign', expires = 'never'): Promise<string> {
    await this.gpg(['--quick-generate-key', name, algorithm, use, expires]);
    const listed = await this.gpg(['--with-colons', '--list-keys', `=${name}`]);
    return /^fpr:+([0-9A-F]{40}):$/m.exec(listed)![1]!;
  }

  /** The revocation that gpg makes with each key; it lies behind a colon, so that nobody imports it by mistake. */
  async revocation(fingerprint: string): Promise<string> {
    const made = await readFile(join(this.path, 'openpgp-revocs.d', `${fingerprint}.rev`), 'utf8');
    return made.slice(made.indexOf('-----BEGIN'));
  }

  async revoke(fingerprint: string): Promise<void> {
    const file = join(this.path, 'revocation');
    await writeFile(file, await this.revocation(fingerprint));
    await this.gpg(['--import', file]);
  }

  /** What somebody types at gpg's editor of keys. */
  async edit(fingerprint: string, lines: readonly string[]): Promise<void> {
    const words = ['--no-tty', '--command-fd', '0', '--status-fd', '2', '--edit-key', fingerprint];
    const flags = ['--homedir', this.path, '--pinentry-mode', 'loopback', '--passphrase', ''];
    await run('gpg', [...flags, ...words], { input: [...lines, ''].join('\n') });
  }

  /** Public keys. */
  async export(
    file: string,
    names: readonly string[],
    flags: readonly string[] = ['--armor'],
  ): Promise<string> {
    await this.gpg([...flags, '--output', file, '--export', ...names]);
    return file;
  }

  /** What gpg makes of the content with these flags. */
  async make(
    content: Uint8Array,
    flags: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Buffer> {
    const [plain, made] = [join(this.path, 'plain'), join(this.path, 'made')];
    await writeFile(plain, content);
    await this.gpg([...flags.slice(0, -1), '--output', made, flags.at(-1)!, plain], env);
    return readFile(made);
  }
}
