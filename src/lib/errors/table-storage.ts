/** The part of the table of errors that is about the storage of snapshots. */
export const poolErrors = {
  POOL_MISSING: {
    kind: 'storage',
    what: 'the state directory has no dm-thin pool',
    todo: 'Set one up with: milliner pool create; or use --storage overlay',
  },
  POOL_EXISTS: {
    kind: 'storage',
    what: 'the state directory has a dm-thin pool already',
    todo: 'Use it, or remove it first with: milliner pool remove',
  },
  POOL_FOREIGN: {
    kind: 'storage',
    what: "a device is another pool's, or the other one of this pool's two",
    todo: 'Give the right device; one whose pool may go is freed by milliner pool remove with its state directory, or cleared with: blkdiscard --zeroout --length 1MiB DEVICE',
  },
  POOL_MISMATCH: {
    kind: 'storage',
    what: 'the pool and its database are not at the same transaction: one of them was restored from a copy, or exchanged',
    todo: 'Put back the one that belongs to the other. If it is gone, begin anew with: milliner pool remove --force; images are built again.',
  },
  POOL_FULL: {
    kind: 'storage',
    what: 'the data of the dm-thin pool is full; what was committed is intact',
    todo: 'Enlarge it with: milliner pool grow; or remove what is not needed: milliner gc --remove IMAGE. Then run again.',
    passes: true,
  },
  POOL_METADATA_FULL: {
    kind: 'storage',
    what: 'the metadata of the dm-thin pool is full; what was committed is intact',
    todo: 'Enlarge it with: milliner pool grow --metadata-size SIZE, or the device and then milliner pool grow. Then run again.',
  },
  POOL_DAMAGED: {
    kind: 'storage',
    what: 'the dm-thin pool is marked for a check, read-only or damaged',
    todo: 'Stop what uses it, then: milliner pool repair',
  },
  DEVICE_UNUSABLE: {
    kind: 'storage',
    what: 'a device cannot carry a pool: it is none, is in use, is too small, or holds something',
    todo: 'Give another one.',
  },
  STORAGE_FAILED: {
    kind: 'storage',
    what: 'the storage below a snapshot failed to read or write; the snapshot has been given up',
    todo: 'See what journalctl -k says of the disk, then run again.',
    passes: true,
  },
} as const;
