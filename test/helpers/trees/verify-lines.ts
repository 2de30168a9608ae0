/** Lines of `rpm -Va` and of our own verification in one form, to compare them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { native, type ScanEntry } from '../../../src/lib/host/native.ts';
import type { Difference } from '../../../src/stages/layer/verify/verify-tree.ts';

/** As rpm prints a line. */
export function lineOf({ attributes, marker, path }: Difference): string {
  return `${attributes === 'missing' ? 'missing ' : attributes}  ${marker || ' '} ${path}`;
}

/**
 * What the host's rpm says of a tree. Left out is what is no difference: rpm prints a line for each file that another
 * package has replaced, and adds the system's words for why a file is missing.
 */
export function rpmLines(root: string, dbPath: string, packages = ['-a']): string[] {
  const args = ['--root', root, '--dbpath', dbPath, '-V', ...packages, '--nodeps', '--noscripts'];
  const { stdout, stderr } = spawnSync('rpm', [...args, '--noplugins'], { maxBuffer: 1 << 28 });
  const errors = stderr.toString().match(/^error:.*$/m);
  if (errors) throw new Error(errors[0]);
  const lines = stdout.toString().split('\n');
  return lines
    .filter((line) => /^(?:missing|[SM5DLUGTP.?]{9}) /.test(line))
    .map((line) => line.replace(/(?: \([A-Za-z][a-z ]+\))+$/, ''))
    .filter((line) => !line.startsWith('.........'));
}

/**
 * Ours without what Debian 12's rpm does not see, which is built without access lists: Debian 13's and Fedora's report
 * one as a difference of the mode, as on /var/log/journal.
 */
export async function linesWithoutLists(root: string, differences: readonly Difference[]): Promise<string[]> {
  const lines: string[] = [];
  for (const one of differences) {
    const isMode = one.attributes === '.M.......';
    const { xattrs }: Partial<ScanEntry> = isMode ? await native().lstat(`${root}${one.path}`) : {};
    if (xattrs?.['system.posix_acl_access'] === undefined) lines.push(lineOf(one));
  }
  return lines;
}

/** A copy with owners, times, hard links, nodes and extended attributes. */
export function copyTree(from: string, to: string): void {
  execFileSync('cp', ['-a', '--reflink=auto', from, to]);
}
