/** Trees for instances: a temporary snapshot of an image. */
import { blockDevicesOf } from '../../lib/host/block-devices.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import type { Backend } from '../../stages/boot/backend.ts';
import type { DiskOptions } from '../../stages/boot/disk.ts';
import type { OwnNetwork } from '../../stages/boot/membership.ts';
import type { RuntimeConfig } from '../../stages/image/image.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withActive, withView } from '../state/snapshots.ts';
import { withWorkspace } from '../state/workspace.ts';
import { bootPlanOf } from './boot-plan.ts';
import { withInstanceIds } from './instance-ids.ts';

export interface InstancePlace extends DiskOptions {
  id: string;
  directory: string;
  /** The mounted tree, its owners shifted into the user namespace. */
  rootfs: string;
  /** Ids of its user namespace; undefined where it runs as the host's root. */
  ids: IdRange | undefined;
  image: RuntimeConfig;
  systemd: number | undefined;
  hostname: string;
  ownNetwork?: Promise<OwnNetwork> | undefined;
  /** Of its tree; empty where the recipe sets no limit on them. */
  devices: readonly string[];
}

/** An image that is unpacked here, and how it is tested. */
export type Bootable = Pick<
  ImageRecord,
  'name' | 'manifestDigest' | 'snapshot' | 'tree' | 'config' | 'packages' | 'test' | 'arch'
>;

interface OneOfSeveral {
  /** Counted from 1. */
  number: number;
  of: number;
  backend: Backend;
  /** For an instance that is started alone: what it needs besides its tree, made at the same time. */
  beginNetwork?: (place: Pick<InstancePlace, 'id' | 'ids' | 'hostname'>) => Promise<OwnNetwork> | undefined;
}

/**
 * Runs fn with a tree for one instance, `number` of `of`, counted from 1. Its changes are discarded when fn or this
 * process ends.
 */
export async function withInstance<T>(
  context: Context,
  record: Bootable,
  { number, of, backend, beginNetwork }: OneOfSeveral,
  fn: (place: InstancePlace) => Promise<T>,
): Promise<T> {
  const { state, snapshots } = context;
  const { limits } = bootPlanOf(record.test);
  const hostname = `${record.name.replaceAll(/[^A-Za-z0-9-]/g, '-').slice(0, 60)}-${number}`;
  const image = { image: record.config, systemd: systemdVersion(record), hostname };
  if (backend.ownDisk) {
    const disk = { maxBytes: limits.disk, space: async () => ({ bytes: limits.disk, inodes: 1 }) };
    return withWorkspace(state, (workspace) =>
      withView(context, record.snapshot, (rootfs) =>
        fn({ ...workspace, rootfs, ids: undefined, devices: [], ...image, ...disk }),
      ),
    );
  }
  const bound = { bytes: limits.disk, share: of, isSparse: true };
  return withInstanceIds(context, record, (ids) =>
    withWorkspace(state, ({ id, directory }) =>
      withNetwork(beginNetwork?.({ id, ids, hostname }), (ownNetwork) =>
        withActive(context, id, { parent: record.snapshot, bound, ids }, async (rootfs) => {
          const disk = { maxBytes: snapshots.limitOf(id), space: () => snapshots.space(id) };
          const devices = limits.io ? await blockDevicesOf(snapshots.mounts(id)) : [];
          return fn({ id, directory, rootfs, ids, devices, ownNetwork, ...image, ...disk });
        }),
      ),
    ),
  );
}

/** Runs fn while the network is made, and closes it however fn ends. */
async function withNetwork<T>(
  begun: Promise<OwnNetwork> | undefined,
  fn: (begun: Promise<OwnNetwork> | undefined) => Promise<T>,
): Promise<T> {
  // Its failure is thrown where the instance asks for it.
  const settled = begun?.catch(() => undefined);
  try {
    return await fn(begun);
  } finally {
    await (await settled)?.network?.close();
  }
}

/** The version of the image's systemd; undefined if it has none, or an unknown version. */
function systemdVersion({ packages }: Bootable): number | undefined {
  const version = packages.flatMap((nevra) => /^systemd-(?:\d+:)?(\d+)[^-]*-[^-]+$/.exec(nevra)?.[1] ?? []);
  return version[0] === undefined ? undefined : Number(version[0]);
}
