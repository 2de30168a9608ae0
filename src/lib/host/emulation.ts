/**
 * Architectures whose programs qemu-user runs on this host: the kernel starts it for them (binfmt_misc,
 * Documentation/admin-guide/binfmt-misc.rst in Linux).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const place = '/proc/sys/fs/binfmt_misc';
const prefix = 'qemu-';

/** Those that Milliner builds for, as rpm calls them, by qemu's names. */
const qemuArches: Record<string, string> = {
  aarch64: 'aarch64',
  ppc64le: 'ppc64le',
  s390x: 's390x',
};

interface Emulation {
  arch: string;
  /** Why it does not work in a container; undefined if it does. */
  problem: string | undefined;
}

/** What is registered on this host. */
export function readEmulations(directory = place): Emulation[] {
  const names = entriesIn(directory).filter((name) => name.startsWith(prefix));
  return names.toSorted().flatMap((name) => {
    const arch = qemuArches[name.slice(prefix.length)];
    if (arch === undefined) return [];
    return [{ arch, problem: problemOf(readFileSync(join(directory, name), 'utf8')) }];
  });
}

export function emulatedArches(): string[] {
  return readEmulations().flatMap(({ arch, problem }) => (problem === undefined ? [arch] : []));
}

/**
 * Without the flag F the kernel looks for qemu by its path when a program starts, and no image has it there.
 *
 * @param entry as the kernel shows it: enabled or disabled, then the interpreter, then its flags
 */
export function problemOf(entry: string): string | undefined {
  if (!/^enabled$/m.test(entry)) return 'is disabled';
  const flags = /^flags: *(\w*)$/m.exec(entry)?.[1] ?? '';
  return flags.includes('F') ? undefined : 'is registered without the flag F';
}

/** None where the kernel has no binfmt_misc, or where it is not mounted. */
function entriesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
