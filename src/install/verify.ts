/** rpm's own check of the installed tree against its database (rpm -Va), taken apart line by line. */
import { MillinerError } from '../errors.ts';
import { saysDiskFull } from '../host/files.ts';
import { runInSandbox, type Sandbox } from './sandbox.ts';
import { rpmOptions } from './rpminputs.ts';

export interface Difference {
  path: string;
  /** What differs, in rpm's letters: S size, M mode, 5 digest, D device, L link, U user, G group, T time, P capabilities; or 'missing'. */
  attributes: string;
  /** c config, d documentation, g ghost, l licence, r readme; '' for others. */
  marker: string;
}

const changed = /^([S.][M?.][5?.][D.][L?.][U.][G.][T.][P?.])\s+(?:([cdglra])\s+)?(\/.*)$/;
const missing = /^missing\s+(?:([cdglra])\s+)?(\/.*?)(?: \(.*\))?$/;

export async function verifyTree(sandbox: Sandbox, dbPath: string): Promise<Difference[]> {
  const { stdout, stderr, exitCode } = await runInSandbox(sandbox, {
    args: ['rpm', ...rpmOptions({ dbPath }), '-Va', '--nodeps', '--noscripts'],
  });
  const differences = stdout.split('\n').flatMap((line) => parseLine(line) ?? []);
  if (exitCode !== 0 && differences.length === 0) {
    const code = saysDiskFull(stderr) ? 'DISK_FULL' : 'INSTALL_FAILED';
    throw new MillinerError(code, `rpm -Va exited ${exitCode}: ${stderr.trim()}`);
  }
  return differences;
}

function parseLine(line: string): Difference | undefined {
  const difference = changed.exec(line);
  if (difference) return { path: difference[3]!, attributes: difference[1]!, marker: difference[2] ?? '' };
  const absent = missing.exec(line);
  return absent ? { path: absent[2]!, attributes: 'missing', marker: absent[1] ?? '' } : undefined;
}
