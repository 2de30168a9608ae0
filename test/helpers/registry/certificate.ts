/** A certificate of a test's own, which is its own authority. */
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

/** `NAME.crt` and `NAME.key`, for whoever is reached on this host. */
export async function makeCertificate(directory: string, name: string): Promise<void> {
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`];
  const names = ['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:0.0.0.0'];
  const files = ['-keyout', join(directory, `${name}.key`), '-out', join(directory, `${name}.crt`)];
  await run('openssl', ['req', '-x509', ...kind, ...names, ...files]);
}

/** `NAME-expired.crt`: the same in all else, for the same key. */
export async function makeExpired(directory: string, name: string): Promise<void> {
  const at = (suffix: string) => join(directory, `${name}${suffix}`);
  const signing = ['-signkey', at('.key'), '-copy_extensions', 'copy'];
  await run('openssl', ['x509', '-x509toreq', '-in', at('.crt'), ...signing, '-out', at('.csr')]);
  await run('openssl', [
    'x509',
    '-req',
    '-in',
    at('.csr'),
    ...signing,
    '-days',
    '-1',
    '-out',
    at('-expired.crt'),
  ]);
}
