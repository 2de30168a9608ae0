/** Errors of the host that a command runs on, and of the state directory. */
import type { Rows } from './row.ts';

export const host = {
  PLACE_UNSAFE: {
    summary:
      'users other than root can write to a place that Milliner trusts, or to a directory on the way to it',
    hint: 'Use a directory of root below directories of root, such as /var/lib/milliner. Otherwise check what is in the place, then fix its owner and mode: chown root, chmod go-w.',
  },
  HOST_MISSING: {
    summary: 'the host lacks something that the command needs',
    hint: 'Run milliner doctor to see what.',
  },
  BACKEND_LACKS: {
    summary: 'what isolates the instances cannot do something that the recipe asks for',
    hint: 'Take another backend with --backend or test.backend, or take the named keys out of the recipe.',
  },
  MACHINE_FAILED: {
    summary: 'a virtual machine did not come up, or its kernel or QEMU failed',
    hint: 'The message ends with the last lines of its console. milliner doctor tells whether machines work on this host.',
  },
  HOST_ROOT_SHARED: {
    summary:
      "the host's kernel or file system cannot keep the root user of scriptlets and instances apart from its own",
    hint: "Use Linux 6.2 or later with user namespaces (sysctl user.max_user_namespaces above 0), and a state directory on ext4, xfs or btrfs. Otherwise let them run as the host's root, confined by capabilities and seccomp alone, with --allow-host-root.",
  },
  NOT_ROOT: {
    summary: 'the kernel allows what this command does to root alone',
    hint: 'Run it as root (sudo).',
  },
  PORT_UNUSABLE: {
    summary: 'Milliner cannot listen on a port of the host',
    hint: 'Choose another port with --publish, or leave its number out to get a free one.',
  },
  WEBHOOK_FAILED: {
    summary: 'a webhook did not take the report of a night; the night itself ended as the report says',
    hint: 'Check the URL and what its server logs, then send the report again with milliner report FILE --webhook URL --secret FILE.',
    retryable: true,
  },
} satisfies Rows;

export const storage = {
  TREE_CHANGED: {
    summary:
      "an image's tree in the state directory, or its record, does not match its manifest and layers: something changed it after it was built or unpacked",
    hint: 'Remove the image with milliner rmi NAME, and build it again. Find out what wrote to the state directory, or whether its disk fails.',
  },
  ARCHIVE_INVALID: {
    summary: 'a file is no archive of an OCI image layout, or holds something else',
    hint: 'Make it with milliner save, or with podman in the format oci-archive. Archives in the format of docker are taken by milliner pull docker-archive:FILE.',
  },
  LAYER_INVALID: {
    summary: 'a layer cannot be unpacked: it is damaged, or could reach outside of its tree',
    hint: 'Build the image again where it was built. That also replaces what one worker left for another.',
  },
  UNPACKED_TOO_LARGE: {
    summary:
      'a layer or a file system unpacks to more than the file system of the state directory can give to one',
    hint: 'Find out what it holds before you give it more room. Then free space, or choose another place with --state, and run the command again.',
  },
  DISK_FULL: {
    summary: 'a file system is full; partly written files have been removed',
    hint: 'Free space, or choose another place with --state. Then run the command again.',
    retryable: true,
  },
  BUSY: {
    summary: 'another process holds what this command needs alone',
    hint: 'Wait until the named process ends, or stop it. Then run the command again.',
    retryable: true,
  },
  STATE_INVALID: {
    summary: 'the state directory holds something that this version of Milliner cannot use',
    hint: 'Choose another place with --state, or move the named file away. What is cached is made again.',
  },
  BLOB_MISSING: {
    summary: 'a blob is not in the content store',
    hint: 'Run the build again. It fetches or makes what is missing.',
    retryable: true,
  },
  BLOB_CORRUPT: {
    summary: 'a blob in the content store no longer has its digest; it has been removed',
    hint: 'Run the command again. It fetches or makes the blob again. If it happens again, check the disk.',
    retryable: true,
  },
  SNAPSHOT_EXISTS: {
    summary: 'a snapshot of this name exists already',
    hint: 'Use it, or remove it first with milliner gc.',
  },
  SNAPSHOT_NOT_FOUND: {
    summary: 'no snapshot of this name and kind exists',
    hint: 'Run the build again. It makes the snapshots that it needs.',
  },
  SNAPSHOT_IN_USE: {
    summary: 'a snapshot is mounted, or other snapshots are made from it',
    hint: 'Stop what uses it, or remove the snapshots made from it first.',
  },
  POOL_MISSING: {
    summary: 'the state directory has no dm-thin pool',
    hint: 'Create one with milliner pool create, or use --storage overlay.',
  },
  POOL_EXISTS: {
    summary: 'the state directory has a dm-thin pool already',
    hint: 'Use it, or remove it first with milliner pool remove.',
  },
  POOL_FOREIGN: {
    summary: 'the device belongs to another pool, or is the other one of the two devices of this pool',
    hint: 'Give the right device. To free one whose pool is not needed, run milliner pool remove with the state directory of that pool, or clear it with blkdiscard --zeroout --length 1MiB DEVICE.',
  },
  POOL_MISMATCH: {
    summary:
      'the pool and its database are at different transactions: one of them was restored from a copy, or exchanged',
    hint: 'Put back the one that belongs to the other. If it is gone, remove the pool with milliner pool remove --force, and build the images again.',
  },
  POOL_FULL: {
    summary: 'the dm-thin pool has no room for data; what was committed is intact',
    hint: 'Enlarge the pool with milliner pool grow, or remove images with milliner rmi IMAGE. Then run the command again.',
    retryable: true,
  },
  POOL_METADATA_FULL: {
    summary: 'the dm-thin pool has no room for metadata; what was committed is intact',
    hint: 'Enlarge it with milliner pool grow --metadata-size SIZE, or enlarge the device and run milliner pool grow. Then run the command again.',
  },
  POOL_DAMAGED: {
    summary: 'the dm-thin pool is marked for a check, read-only or damaged',
    hint: 'Stop what uses it, then run milliner pool repair.',
  },
  DEVICE_UNUSABLE: {
    summary:
      'the device cannot carry a pool: it is not a device, is in use, is too small, or holds something',
    hint: 'Give another device.',
  },
  STORAGE_FAILED: {
    summary: 'the storage below a snapshot failed to read or write; the snapshot was discarded',
    hint: 'Read what the kernel says about the disk (journalctl -k), then run the command again.',
    retryable: true,
  },
} satisfies Rows;
