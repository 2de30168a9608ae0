/** Keys of gpg that were made, bound, revoked and used at days of one's choice, and what rpm, gpg and we say of them. */
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { verifyDetached } from '../../../src/lib/rpm/detached-signature.ts';
import { verifySignatures, type BadPackage } from '../../../src/lib/rpm/package-signature.ts';
import { openMessages } from '../../../src/lib/rpm/signed-message.ts';
import { build, familySpec } from '../../helpers/rpm/fixtures.ts';

export interface Made {
  name: string;
  primary: string;
  /** Newest last. */
  subkeys: string[];
}

const at = (day: string) => ['--faked-system-time', `${day.replaceAll('-', '')}T000000!`];
const quiet = ['--batch', '--pinentry-mode', 'loopback', '--passphrase', ''];

export class TimedKeys {
  readonly directory: string;
  readonly home: string;
  readonly #unsigned: string;
  #count = 0;

  private constructor(directory: string, unsigned: string) {
    this.directory = directory;
    this.home = join(directory, 'gpg');
    this.#unsigned = unsigned;
  }

  static async open(): Promise<TimedKeys> {
    const directory = await mkdtemp(join(tmpdir(), 'mill-times-'));
    await mkdir(join(directory, 'gpg'), { mode: 0o700 });
    const [unsigned = ''] = await build(directory, familySpec(['a']));
    return new TimedKeys(directory, unsigned);
  }

  async close(): Promise<void> {
    await run('gpgconf', ['--kill', 'all'], { env: this.#env });
    await rm(this.directory, { recursive: true, force: true });
  }

  get #env() {
    return { GNUPGHOME: this.home };
  }

  async gpg(day: string, args: string[], input = ''): Promise<string> {
    const options = { env: this.#env, input };
    return (await run('gpg', [...at(day), ...quiet, '--ignore-time-conflict', ...args], options)).stdout;
  }

  async #fingerprintsOf(name: string): Promise<string[]> {
    const listed = await this.gpg('2026-01-01', ['--with-colons', '--list-keys', name]);
    return [...listed.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(([, found]) => found!);
  }

  /** A key that never expires, with subkeys that never do; what is to be of them comes after. */
  async key(created: string, subkeys: readonly string[] = [], use = 'sign'): Promise<Made> {
    const name = `key${++this.#count}@example.com`;
    await this.gpg(created, ['--quick-generate-key', name, 'rsa2048', 'sign', 'never']);
    const [primary = ''] = await this.#fingerprintsOf(name);
    for (const day of subkeys) await this.gpg(day, ['--quick-add-key', primary, 'rsa2048', use, 'never']);
    return { name, primary, subkeys: (await this.#fingerprintsOf(name)).slice(1) };
  }

  /** With a new self-signature, which a later day makes the one that counts. */
  async expire(today: string, { primary }: Made, day: string, ...subkeys: string[]): Promise<void> {
    await this.gpg(today, ['--quick-set-expire', primary, day, ...subkeys]);
  }

  /** What somebody types at gpg's editor of keys. */
  async edit({ primary }: Made, lines: readonly string[]): Promise<void> {
    const args = ['--command-fd', '0', '--no-tty', ...quiet.slice(1), '--edit-key', primary];
    await run('gpg', args, { env: this.#env, input: `${lines.join('\n')}\n` });
  }

  async revoke(made: Made, subkey: string): Promise<void> {
    await this.edit(made, [`key ${subkey}`, 'revkey', 'y', '0', '', 'y', 'save']);
  }

  /** The certificate that gpg makes with each key. */
  async revocation({ primary }: Made): Promise<string> {
    const text = await readFile(join(this.home, 'openpgp-revocs.d', `${primary}.rev`), 'utf8');
    return text.slice(text.indexOf('-----BEGIN'));
  }

  async revokePrimary(made: Made): Promise<void> {
    await this.gpg('2026-01-01', ['--import'], await this.revocation(made));
  }

  async exported({ primary }: Made): Promise<string> {
    const file = join(this.directory, `key-${++this.#count}.asc`);
    await this.gpg('2026-01-01', ['--armor', '--output', file, '--export', primary]);
    return file;
  }

  /** Without its names, and so without what it says of itself beside them; gpg takes no such key. */
  async nameless({ primary }: Made): Promise<string> {
    const file = join(this.directory, `key-${++this.#count}.asc`);
    const filter = ['--export-filter', 'keep-uid=uid =~ nobody-has-this-name'];
    await this.gpg('2026-01-01', ['--armor', '--output', file, ...filter, '--export', primary]);
    return file;
  }

  async written(text: string): Promise<string> {
    const file = join(this.directory, `written-${++this.#count}`);
    await writeFile(file, text);
    return file;
  }

  /** A package. */
  async sign(day: string, signer: string): Promise<string> {
    const path = join(this.directory, `signed-${++this.#count}.rpm`);
    await copyFile(this.#unsigned, path);
    const defines = {
      __gpg: '/usr/bin/gpg',
      _gpg_name: `${signer}!`,
      _gpg_path: this.home,
      _gpg_sign_cmd_extra_args: `${at(day).join(' ')} --ignore-time-conflict`,
    };
    const args = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
    await run('rpmsign', [...args, '--addsign', path], { env: this.#env });
    return path;
  }

  /** A file beside a file, or a message with its content in it. */
  async signText(
    day: string,
    signer: string,
    how: '--detach-sign' | '--sign',
  ): Promise<{ content: Buffer; made: Buffer }> {
    const content = Buffer.from('what is signed');
    const file = await this.written(String(content));
    await this.gpg(day, ['--local-user', `${signer}!`, '--output', `${file}.out`, how, file]);
    return { content, made: await readFile(`${file}.out`) };
  }
}

/** `good`, or the problem: of a package, of metadata with a signature beside it, of a message that holds what it signs. */
export const judges = {
  package: async (keys: TimedKeys, day: string, signer: string) => {
    const path = await keys.sign(day, signer);
    return (...files: string[]) => packageVerdict(path, ...files);
  },
  metadata: async (keys: TimedKeys, day: string, signer: string) => {
    const { content, made } = await keys.signText(day, signer, '--detach-sign');
    return async (...files: string[]) => {
      const verdict = await verifyDetached(
        content,
        made,
        files.map((file) => ({ file })),
      ).catch(codeOf);
      return 'fingerprint' in verdict ? 'good' : verdict.problem;
    };
  },
  message: async (keys: TimedKeys, day: string, signer: string) => {
    const { made } = await keys.signText(day, signer, '--sign');
    return async (...files: string[]) => {
      const whole = await keys.written((await Promise.all(files.map((file) => readFile(file)))).join('\n'));
      const [found] = await openMessages([made], whole).catch((error: unknown) => [codeOf(error)]);
      return 'fingerprint' in found! ? 'good' : found!.problem;
    };
  },
};

/** gpg's own verdict on a signature beside a content, in a home of this file's keys, with its clock at that day. */
export async function gpgTakes(
  { content, made }: { content: Buffer; made: Buffer },
  day: string,
  file: string,
): Promise<boolean> {
  const home = await mkdtemp(join(tmpdir(), 'gpg-'));
  try {
    const flags = ['--homedir', home, '--batch', '--no-tty', '--no-autostart', ...at(day)];
    const allow = [0, 1, 2];
    await run('gpg', [...flags, '--import', file], { allow });
    const [data, signature] = [join(home, 'data'), join(home, 'data.sig')];
    await writeFile(data, content);
    await writeFile(signature, made);
    const args = ['--status-fd', '1', '--verify', signature, data];
    const { stdout } = await run('gpg', [...flags, ...args], { allow });
    return /^\[GNUPG:\] GOODSIG /m.test(stdout);
  } finally {
    await rm(home, { recursive: true });
  }
}

export async function packageVerdict(path: string, ...files: string[]): Promise<string> {
  try {
    await verifySignatures([path], { keys: files.map((file) => ({ file })) });
    return 'good';
  } catch (error) {
    const { details } = error as MillinerError;
    return (details.packages as BadPackage[] | undefined)?.[0]?.problem ?? codeOf(error).problem;
  }
}

function codeOf(error: unknown): { problem: string } {
  if (error instanceof MillinerError) return { problem: error.code };
  throw error;
}
