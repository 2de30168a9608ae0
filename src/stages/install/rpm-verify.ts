/** Runs rpm's check of the installed tree against its database (rpm -Va), and parses its lines. */
import { MillinerError } from '../../lib/errors/error.ts';
import { saysDiskFull } from '../../lib/host/files.ts';
import { rpmOptions } from './rpm-inputs.ts';
import { runInSandbox, type Sandbox } from './sandbox.ts';

export interface Difference {
  path: string;
  /**
   * Differences in rpm's letters: S size, M mode, 5 digest, D device, L link, U user, G group, T time, P capabilities;
   * or 'missing'.
   */
  attributes: string;
  /** c config, d documentation, g ghost, l licence, r readme; '' for others. */
  marker: string;
}

const changed = /^([S.][M?.][5?.][D.][L?.][U.][G.][T.][P?.])\s+(?:([cdglra])\s+)?(\/.*)$/;
const missing = /^missing\s+(?:([cdglra])\s+)?(\/.*?)(?: \(.*\))?$/;

/**
 * Exit codes of 128 plus a fatal signal. rpm 4.11 exits with the number of different packages, so other codes may mean
 * that.
 */
const deaths = new Set([132, 134, 135, 136, 137, 139]);

/** All differences that rpm reports. Throws if rpm failed, because an incomplete report proves nothing. */
export async function verifyTree(sandbox: Sandbox, dbPath: string): Promise<Difference[]> {
  const { stdout, stderr, exitCode } = await runInSandbox(sandbox, {
    args: ['rpm', ...rpmOptions({ dbPath }), '-Va', '--nodeps', '--noscripts'],
  });
  const found = stdout.split('\n').flatMap((line) => parseLine(line) ?? []);
  const differences = sandbox.shift ? found.flatMap((one) => withoutProcfs(one) ?? []) : found;
  const isCutShort = deaths.has(exitCode) || /^error:/m.test(stderr);
  if (isCutShort || (exitCode !== 0 && found.length === 0)) {
    const code = saysDiskFull(stderr) ? 'DISK_FULL' : 'INSTALL_FAILED';
    throw new MillinerError(code, `rpm -Va exited ${exitCode}: ${stderr.trim()}`);
  }
  return differences;
}

/**
 * The root of a procfs belongs to the host's root, which a user namespace shows as another user, whatever the image
 * has.
 */
function withoutProcfs(difference: Difference): Difference | undefined {
  if (difference.path !== '/proc') return difference;
  const attributes = difference.attributes.replaceAll(/[UG]/g, '.');
  return /[^.?]/.test(attributes) ? { ...difference, attributes } : undefined;
}

function parseLine(line: string): Difference | undefined {
  const difference = changed.exec(line);
  if (difference) return { path: difference[3]!, attributes: difference[1]!, marker: difference[2] ?? '' };
  const absent = missing.exec(line);
  return absent ? { path: absent[2]!, attributes: 'missing', marker: absent[1] ?? '' } : undefined;
}
