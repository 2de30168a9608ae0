/** Trees for instances: a throw-away snapshot of an image for as long as something runs on it. */
import type { IdRange } from '../../lib/container/userns.ts';
import type { DiskOptions } from '../../stages/boot/disk.ts';
import type { RuntimeConfig } from '../../stages/image/image.ts';
import type { Context } from '../state/context.ts';
import { guestIdsOf } from '../state/guest-ids.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { withActive } from '../state/snapshots.ts';
import { withWorkspace } from '../state/workspace.ts';
import { bootPlanOf } from './boot-plan.ts';

export interface InstancePlace extends DiskOptions {
  id: string;
  directory: string;
  /** The mounted tree, its owners moved into the ids. */
  rootfs: string;
  /** Of its user namespace; undefined where it has the host's root. */
  ids: IdRange | undefined;
  image: RuntimeConfig;
  systemd: number | undefined;
  hostname: string;
}

/** Runs fn with a tree for one instance, numbered from 1 on, of so many; whatever was written to it goes when fn ends, or this process. */
export async function withInstance<T>(
  context: Context,
  record: ImageRecord,
  { number, of }: { number: number; of: number },
  fn: (place: InstancePlace) => Promise<T>,
): Promise<T> {
  const { state, snapshots } = context;
  const ids = await guestIdsOf(context);
  const bound = { bytes: bootPlanOf(record.test).limits.disk, share: of };
  return withWorkspace(state, ({ id, directory }) =>
    withActive(context, id, { parent: record.snapshot, bound, ids }, (rootfs) => {
      const hostname = `${record.name.replaceAll(/[._]/g, '-').slice(0, 60)}-${number}`;
      const disk = { maxBytes: snapshots.limitOf(id), space: () => snapshots.space(id) };
      const image = { image: record.config, systemd: systemdVersion(record), hostname };
      return fn({ id, directory, rootfs, ids, ...image, ...disk });
    }),
  );
}

/** The version of the image's systemd; undefined where it has none, or an unknown one. */
function systemdVersion({ packages }: ImageRecord): number | undefined {
  const version = packages.flatMap((nevra) => /^systemd-(?:\d+:)?(\d+)[^-]*-[^-]+$/.exec(nevra)?.[1] ?? []);
  return version[0] === undefined ? undefined : Number(version[0]);
}
