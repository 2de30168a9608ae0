/**
 * Snapshots as overlayfs layers: DIR/ID/fs is what a snapshot adds, DIR/ID/work overlayfs's own while it is
 * active. A directory never moves: with index=on, overlayfs ties an upper directory to its lower ones by file
 * handle and answers ESTALE to any other combination.
 */
import { chmod, mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors.ts';
import { isNearlyFull } from '../host/files.ts';
import type { MountSpec } from '../host/mounts.ts';
import { native } from '../host/native.ts';
import type { IdRange } from '../host/userns.ts';
import { copyAttributes, dropAcls } from './attributes.ts';
import { BaseSnapshotter, openDirectory } from './base.ts';
import { hasChangedHardLinks, settleHardLinks } from './hardlinks.ts';
import { Metadata, type Row } from './metadata.ts';
import { probeOverlay, probeShifted, readOnlyOptions, writableOptions } from './probe.ts';
import type { Space, Usage } from './snapshot.ts';

export type OverlayStep =
  'inserted' | 'prepared' | 'settled' | 'synced' | 'committed' | 'unmounted' | 'deleted';

export class OverlaySnapshotter extends BaseSnapshotter<Metadata, OverlayStep> {
  readonly name = 'overlay';

  /** Opens, or makes, the snapshots below a state directory and reconciles. Throws HOST_MISSING, NOT_ROOT, STATE_INVALID. */
  static async open(state: string, onStep?: (step: OverlayStep) => void): Promise<OverlaySnapshotter> {
    const opened = await openDirectory(state, 'overlay', (path) => new Metadata(path));
    const snapshotter = new OverlaySnapshotter(opened, onStep);
    try {
      await snapshotter.reconcile();
      await snapshotter.#probe(probeOverlay);
    } catch (error) {
      await snapshotter.close();
      throw error;
    }
    return snapshotter;
  }

  /** As an active snapshot of its own, so that a crash in it is cleared like any other. */
  async #probe(probe: (directory: string) => Promise<void>): Promise<void> {
    const row = this.insert(`probe ${this.owners.own}`, 'active', undefined);
    try {
      await mkdir(this.directory(row.id));
      await probe(this.directory(row.id));
    } finally {
      await this.drop(row);
    }
  }

  /** What it has no parent for is no overlay. */
  override async probeShifted(ids: IdRange): Promise<void> {
    await this.#probe((directory) => probeShifted(directory, ids));
  }

  protected insert(key: string, kind: 'active' | 'view', parent: string | undefined): Row {
    const row = this.metadata.insert(key, kind, this.owners.own, parent);
    this.onStep('inserted');
    return row;
  }

  protected async make(begin: () => Row): Promise<void> {
    const row = begin();
    const { fs, work } = this.#paths(row.id);
    if (row.snapshot.kind === 'active') {
      await mkdir(work);
      await mkdir(fs);
      const [parent] = this.metadata.ancestors(row.id);
      if (parent !== undefined) await copyAttributes(this.#paths(parent).fs, fs);
      else {
        await chmod(fs, 0o755);
        await dropAcls(fs, (await native().lstat(fs)).xattrs ?? {});
      }
    }
    this.onStep('prepared');
  }

  protected async seal(row: Row, name: string, labels: Record<string, string>): Promise<void> {
    const { fs, work } = this.#paths(row.id);
    if (await hasChangedHardLinks(work)) await settleHardLinks(await this.mount(row.snapshot.name), work);
    await this.unmountRow(row, { detach: false });
    this.onStep('settled');
    // The tree reaches the disk before the row that says it is complete.
    await native().syncfs(fs);
    this.onStep('synced');
    this.metadata.commit(row.id, name, labels);
    this.onStep('committed');
  }

  protected async tidy(row: Row): Promise<void> {
    await this.unmountRow(row, { detach: true });
    for (const path of [this.#paths(row.id).work, this.rootfs(row.id)])
      await rm(path, { recursive: true, force: true });
  }

  protected mountsOf(row: Row): MountSpec[] {
    const { fs, work } = this.#paths(row.id);
    const lower = this.metadata.ancestors(row.id).map((id) => this.#paths(id).fs);
    const [only = fs, ...more] = lower;
    if (row.snapshot.kind === 'active' && lower.length > 0) {
      return [{ type: 'overlay', lower, writable: { upper: fs, work }, options: writableOptions }];
    }
    if (more.length > 0) return [{ type: 'overlay', lower, options: readOnlyOptions }];
    return [{ type: 'bind', source: only, readonly: row.snapshot.kind === 'view' }];
  }

  protected async erase(row: Row): Promise<void> {
    this.onStep('unmounted');
    this.metadata.delete(row);
    this.onStep('deleted');
  }

  protected async measure({ id }: Row): Promise<Usage> {
    return native().usage(this.#paths(id).fs);
  }

  async space(): Promise<Space> {
    const { bsize, bfree, ffree } = await statfs(this.root);
    return { bytes: bsize * bfree, inodes: ffree };
  }

  async used(): Promise<number> {
    const { bsize, blocks, bfree } = await statfs(this.root);
    return (blocks - bfree) * bsize;
  }

  async check(): Promise<void> {
    if (!(await isNearlyFull(this.root))) return;
    throw new MillinerError('DISK_FULL', `no space left in ${this.root}`, { details: { path: this.root } });
  }

  #paths(id: number) {
    const directory = this.directory(id);
    return { fs: join(directory, 'fs'), work: join(directory, 'work') };
  }
}
