import { expect, test } from 'vitest';
import { argumentsOf, instanceConfig, type InstanceConfig } from './config.ts';

const config = { env: {}, exposedPorts: [], volumes: [], labels: {} };
const options: InstanceConfig = {
  id: 'milliner-01234567-0123456789abcdef',
  rootfs: '/srv/tree',
  image: { ...config, entrypoint: ['/bin/app'], cmd: ['--loud'], workingDir: '/srv' },
  user: { uid: 0, gid: 0, additionalGids: [], home: '/root' },
  init: false,
  files: '/srv/files',
  hostname: 'hat-1',
  limits: { cpus: 1.5, memory: 64 << 20, pids: 32, disk: 1 << 20 },
};

interface Config {
  process: {
    args: string[];
    cwd: string;
    env: string[];
    user: object;
    capabilities: Record<string, string[]>;
  };
  mounts: { destination: string; type: string; source: string; options: string[] }[];
  linux: {
    cgroupsPath: string;
    namespaces: { type: string }[];
    resources: { devices: object[]; memory: object; pids: object; cpu?: object };
    seccomp: { syscalls: { names: string[] }[] };
  };
}

const made = async (changes: Partial<InstanceConfig> = {}) =>
  (await instanceConfig({ ...options, ...changes })) as Config;

test('the program is the entrypoint with the command behind it', () => {
  expect(argumentsOf({ ...config, entrypoint: ['a', 'b'], cmd: ['c'] })).toEqual(['a', 'b', 'c']);
  expect(argumentsOf({ ...config, cmd: ['c'] })).toEqual(['c']);
  expect(argumentsOf(config)).toEqual([]);
});

test('every namespace but the user namespace is its own, and every limit stands', async () => {
  const { linux, process } = await made();
  expect(process).toMatchObject({ args: ['/bin/app', '--loud'], cwd: '/srv' });
  const namespaces = linux.namespaces.map(({ type }) => type);
  expect(namespaces).toEqual(expect.arrayContaining(['pid', 'network', 'ipc', 'uts', 'mount']));
  expect(linux.cgroupsPath).toBe(`/${options.id}/instance`);
  expect(linux.resources).toMatchObject({
    memory: { limit: 64 << 20 },
    pids: { limit: 32 },
    cpu: { quota: 150_000, period: 100_000 },
  });
  const [first, ...others] = linux.resources.devices;
  expect(first).toEqual({ allow: false, access: 'rwm' });
  expect(others.filter((device) => (device as { type: string }).type !== 'c')).toEqual([]);
});

test('root has what podman gives it, another user nothing to begin with', async () => {
  const refused = ['CAP_SYS_ADMIN', 'CAP_MKNOD', 'CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_PTRACE'];
  const { capabilities } = (await made()).process;
  expect(capabilities['effective']).toEqual(capabilities['bounding']);
  for (const set of Object.values(capabilities)) {
    expect(set.filter((name) => refused.includes(name))).toEqual([]);
  }
  const other = await made({ user: { uid: 77, gid: 78, additionalGids: [6], home: '/' } });
  expect(other.process.user).toEqual({ uid: 77, gid: 78, additionalGids: [6] });
  expect(other.process.capabilities).toMatchObject({ effective: [], permitted: [], ambient: [] });
});

test('an image cannot say where it is and who listens to it', async () => {
  const env = { HOME: '/srv/felt', NOTIFY_SOCKET: '/run/systemd/notify', container: 'none' };
  const { process } = await made({ image: { ...options.image, env } });
  expect(process.env.toSorted()).toEqual([
    'HOME=/srv/felt',
    'HOSTNAME=hat-1',
    'NOTIFY_SOCKET=/run/host/notify',
    'container=oci',
  ]);
});

test('systemd gets what it mounts elsewhere itself, and an id to make its machine-id of', async () => {
  const cgroup = { type: 'bind', source: '/x', destination: '/sys/fs/cgroup', options: [] };
  const { mounts, process, linux } = await made({ init: true, cgroup });
  const targets = mounts.map(({ destination }) => destination);
  expect(targets).toEqual(expect.arrayContaining(['/run', '/run/lock', '/tmp', '/sys/fs/cgroup']));
  expect(targets.indexOf('/run/host/notify')).toBeGreaterThan(targets.indexOf('/run'));
  expect(linux.namespaces).toContainEqual({ type: 'cgroup' });
  expect(process.env).toContainEqual(
    expect.stringMatching(/^container_uuid=[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  );
  expect(process.env.filter((one) => one.startsWith('HOME='))).toEqual([]);
});

test('nothing of the host is mounted but the files made for it', async () => {
  const { mounts } = await made();
  const binds = mounts.filter(({ type }) => type === 'bind');
  expect(binds.map(({ source }) => source).filter((path) => !path.startsWith('/srv/files/'))).toEqual([]);
  expect(mounts.find(({ destination }) => destination === '/sys')!.options).toContain('ro');
});
