/** The oracle for a whole tree: the locked rpm, run by hand in a chroot on a plain directory, without our sandbox. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { LockedArch } from '../../../src/stages/lock/lock-file.ts';

export interface PlainInstall {
  /** The installed tree. */
  target: string;
  remove(): void;
}

/** Runs in a mount namespace of its own, so that nothing stays mounted however it ends. */
const script = `
set -eu
work=$1 db=$2 tools=$3
mkdir -p $work/upper $work/overlay $work/root
mount -t overlay overlay -o lowerdir=$tools,upperdir=$work/upper,workdir=$work/overlay $work/root
cd $work/root
mkdir -p target packages proc dev var/tmp tmp run
mount --bind $work/target target
mount --bind $work/packages packages
mount -t proc proc proc
mount -t tmpfs tmpfs var/tmp
mount -t tmpfs tmpfs run
mkdir -p target/dev dev
mkdir -m 555 -p target/proc
for place in dev target/dev; do
  mount -t tmpfs tmpfs $place
  ln -s /proc/self/fd $place/fd
  for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 $place/\${node%:*} c 1 \${node#*:}; done
done
mount -t proc proc target/proc
LC_ALL=C.UTF-8 SYSTEMD_OFFLINE=1 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  chroot . /bin/sh -c "rpm --root /target --dbpath $db --define '_db_backend sqlite' --noplugins --nosignature $RPM_OPTIONS -U /packages/*.rpm"
`;

export interface PlainOptions {
  /** An installed tree, of which a copy is gone on from. */
  onto?: string;
  /** Milliseconds. */
  timeout?: number;
}

/** One transaction, of what an answer adds to its base. */
export function installPlainly(
  work: string,
  state: string,
  answer: LockedArch,
  dbPath: string,
  { onto, timeout }: PlainOptions = {},
): PlainInstall {
  const directory = mkdtempSync(join(work, 'plain-'));
  const target = join(directory, 'target');
  if (onto === undefined) mkdirSync(target);
  else execFileSync('cp', ['-a', '--reflink=auto', onto, target]);
  const packages = join(directory, 'packages');
  mkdirSync(packages);
  const inherited = new Set(answer.base);
  for (const { nevra, sha256 } of answer.packages) {
    if (inherited.has(nevra)) continue;
    const name = `${nevra.replaceAll(/[^\w.+~-]/g, '_')}.rpm`;
    copyFileSync(join(state, 'blobs/sha256', sha256), join(packages, name));
  }
  const [tools] = readdirSync(join(state, 'toolroots')).map((name) => join(state, 'toolroots', name));
  execFileSync(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--net',
      '--kill-child',
      '--',
      'bash',
      '-c',
      script,
      'sh',
      directory,
      dbPath,
      tools!,
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, RPM_OPTIONS: '--excludedocs' },
      maxBuffer: 1 << 28,
      timeout,
      killSignal: 'SIGKILL',
    },
  );
  return { target, remove: () => rmSync(directory, { recursive: true, force: true }) };
}
