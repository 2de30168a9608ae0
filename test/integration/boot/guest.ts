/** A tree of one busybox, and an instance of it in a virtual machine without hardware virtualisation. */
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { machineBackend } from '../../../src/stages/boot/machine/machine-backend.ts';
import type { Membership } from '../../../src/stages/boot/membership.ts';
import type { Handed } from '../../../src/stages/boot/handed.ts';
import type { Limits } from '../../../src/stages/boot/limit-resources.ts';
import type { Instance, InstanceOptions } from '../../../src/stages/boot/instance.ts';
import { busybox } from '../../helpers/tiny/tiny.ts';

process.env['MILLINER_TCG'] = '1';

export interface BusyboxGuest {
  id: string;
  directory: string;
  instance: Instance;
  lines: string[];
  remove: () => Promise<void>;
}

interface Wanted {
  script: string;
  user?: string;
  limits?: Partial<Limits>;
  name?: string;
  membership?: Membership;
  wanted?: NonNullable<InstanceOptions['wanted']>;
  isPublished?: boolean;
  handed?: Handed;
}

/** Throws what the start throws; then nothing is left. */
export async function startGuest({
  script,
  user = '',
  limits = {},
  name = 'guest-1',
  ...link
}: Wanted): Promise<BusyboxGuest> {
  const directory = await mkdtemp('/var/tmp/milliner-machine-');
  const remove = () => rm(directory, { recursive: true });
  const id = `milliner-machine-${randomBytes(6).toString('hex')}`;
  const tree = join(directory, 'tree');
  for (const one of ['bin', 'etc', 'dev', 'proc', 'sys', 'run', 'tmp'])
    await mkdir(join(tree, one), { recursive: true });
  await cp(await busybox(), join(tree, 'bin/busybox'));
  await writeFile(join(tree, 'etc/passwd'), 'root:x:0:0::/:\nhatter:x:7:7::/:\n');
  const lines: string[] = [];
  const backend = await machineBackend();
  try {
    const instance = await backend.start({
      id,
      directory: join(directory, 'work'),
      rootfs: tree,
      image: {
        env: { PATH: '/bin', COLOUR: 'green' },
        exposedPorts: [],
        volumes: [],
        labels: {},
        user,
        entrypoint: ['/bin/busybox', 'sh', '-c', script],
      },
      init: false,
      hostname: name,
      ...link,
      limits: { memory: 64 << 20, pids: 64, disk: 32 << 20, cpus: 1, ...limits },
      onLine: (line) => lines.push(line),
    });
    return { id, directory, instance, lines, remove: () => instance.remove().then(remove) };
  } catch (error) {
    await remove();
    throw error;
  }
}
