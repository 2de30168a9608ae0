/**
 * Every way Milliner ends other than well: a code, what happened, what to do about it, and the exit code.
 * Users script against the codes; docs and tests are held to this table.
 */
import type { ExitKind } from './exit-codes.ts';
import { diskErrors } from './table-disk.ts';
import { lockErrors } from './table-lock.ts';
import { registryErrors } from './table-registry.ts';
import { poolErrors } from './table-storage.ts';

interface Row {
  kind: ExitKind;
  /** What happened, for the reference; the message of one error adds the names. */
  what: string;
  /** What to do; the default hint of an error with this code. */
  todo: string;
  /** It may pass by itself: a queue tries again. */
  passes?: true;
}

const table = {
  INTERNAL: {
    kind: 'internal',
    what: 'Milliner itself failed',
    todo: 'Report it with the output of the same command under --debug.',
  },
  USAGE: {
    kind: 'usage',
    what: 'the words of the command line do not fit the command',
    todo: 'See the command with --help.',
  },
  INTERRUPTED: {
    kind: 'interrupted',
    what: 'the command was stopped by a signal; what it had mounted or started is gone',
    todo: 'Run it again: finished steps are kept.',
    passes: true,
  },
  RECIPE_NOT_FOUND: {
    kind: 'input',
    what: 'there is no such recipe',
    todo: 'Give the path of a recipe file, or a name that stands in recipes/.',
  },
  RECIPE_INVALID: {
    kind: 'input',
    what: 'a recipe has an error',
    todo: 'Mend the named key; recipes/recipe.schema.json describes the format to editors.',
  },
  ADDRESS_REFUSED: {
    kind: 'trust',
    what: 'a server that only an answer names (a redirect, a list of mirrors, a lock), or any under --untrusted, has an address that is not public',
    todo: 'Where that server is meant, name its address or network: MILLINER_PRIVATE_NETWORKS=10.0.0.0/8.',
  },
  RECIPE_UNTRUSTED: {
    kind: 'trust',
    what: 'a recipe asks for what is refused under --untrusted: files of the host, its tools, or a place to publish to',
    todo: 'Read the recipe; where it is to be trusted, run without --untrusted.',
  },
  FILE_OUTSIDE: {
    kind: 'trust',
    what: "a file that a recipe names, or the recipe itself, lies outside of the recipe's root: a link, or .., leads there",
    todo: "Put the file itself beneath the recipe's directory (the one above, where that is called recipes), or name it by an absolute path.",
  },
  ...lockErrors,
  REPO_UNAVAILABLE: {
    kind: 'repository',
    what: 'a repository or a package could not be fetched',
    todo: 'Check the baseurl and the network, then run again: finished downloads are kept.',
    passes: true,
  },
  OFFLINE_MISSING: {
    kind: 'repository',
    what: 'with --offline, something is neither in the cache nor in the store',
    todo: 'Run the same command once without --offline.',
  },
  REPO_INVALID: {
    kind: 'repository',
    what: "a repository's metadata is malformed or does not match its own checksums",
    todo: 'Have the repository mended (createrepo_c), or use another mirror.',
  },
  PACKAGE_INVALID: {
    kind: 'repository',
    what: 'a package is not a readable RPM',
    todo: 'Fetch or build the named package again.',
  },
  METADATA_OLDER: {
    kind: 'repository',
    what: "a repository's metadata is older than what was seen of it before: a mirror lags, or replays what was replaced",
    todo: 'Use another mirror, or wait for this one; if the repository was set back on purpose, lock once with --allow-older NAME.',
    passes: true,
  },
  METADATA_UNTRUSTED: {
    kind: 'trust',
    what: "a repository's metadata is unsigned, wrongly signed, or signed by a key that the recipe does not name",
    todo: 'Add the right key to the repository in the recipe; where its repomd.xml.asc is not to be asked for: repoGpgcheck: false',
  },
  DIGEST_MISMATCH: {
    kind: 'repository',
    what: 'the bytes that arrived are not those that were promised',
    todo: 'Use another mirror; if the package was rebuilt in place, lock again.',
    passes: true,
  },
  SOLVE_FAILED: {
    kind: 'solve',
    what: 'no set of packages answers the recipe',
    todo: 'Add the missing repository or package, or drop the conflicting one.',
  },
  SIGNATURE_INVALID: {
    kind: 'trust',
    what: 'a package is unsigned, wrongly signed, or signed by a key that the recipe does not name',
    todo: 'Add the right key to the repository in the recipe, or fetch the package from its maker again; one without a signature can be allowed by name: allow: {unsigned: [NAME]}',
  },
  LAYERS_DIFFER: {
    kind: 'install',
    what: 'the layers that were written are not the tree that was installed: Milliner itself failed, and nothing was kept',
    todo: 'Report it with the recipe and the named paths.',
  },
  PLACE_UNSAFE: {
    kind: 'host',
    what: 'others than root can write to a place that is believed, or to one that leads there',
    todo: 'Take a directory of root below directories of root, such as /var/lib/milliner; or look at what is there, and mend owner and mode: chown root, chmod go-w.',
  },
  TREE_CHANGED: {
    kind: 'storage',
    what: "an image's tree in the state directory, or its record, is not what its manifest and layers hold: something has changed it since it was built or unpacked",
    todo: 'Forget the image with gc --remove NAME and build it again; find out what wrote into the state directory, or whether its disk fails.',
  },
  SCRIPTLET_FAILED: {
    kind: 'install',
    what: "a package's scriptlet failed; rpm alone would have gone on",
    todo: 'Mend the package, or allow this one by name in the recipe: allow: {scriptlets: ["%post(NAME)"]}',
  },
  OWNER_UNKNOWN: {
    kind: 'install',
    what: 'a file belongs to a user or group that the image does not have; rpm alone would have made it root',
    todo: 'Install the package that makes the user, or allow it by name in the recipe: allow: {owners: [NAME]}',
  },
  INSTALL_FAILED: {
    kind: 'install',
    what: "rpm's transaction failed",
    todo: "Read rpm's own words above: they name the package and the file.",
  },
  LIMIT_EXCEEDED: {
    kind: 'install',
    what: 'rpm or a scriptlet ran longer, wrote more, or took more memory than it may',
    todo: 'Mend the scriptlet of the named package; a transaction that needs more time or memory gets it in the recipe: install: {timeout: 3h, memory: 8G}',
  },
  IMAGE_UNREPRESENTABLE: {
    kind: 'install',
    what: 'the tree holds something that an OCI layer cannot express',
    todo: 'Have the package or scriptlet that makes the named path changed, or exclude the package.',
  },
  LAYER_INVALID: {
    kind: 'storage',
    what: 'a layer cannot be unpacked: it is damaged, or holds what could reach outside of its tree',
    todo: 'Build the image again where it was built: what one worker leaves for another is made anew then.',
  },
  NOT_REPRODUCIBLE: {
    kind: 'reproducibility',
    what: 'two builds of one lock gave different images',
    todo: 'Look at what makes the named path: a scriptlet that writes the time, a random number or a list in no order.',
  },
  KEY_INVALID: {
    kind: 'trust',
    what: 'a key file of the recipe holds no public key that rpm takes, or not the one that the recipe names',
    todo: 'Name a file with an OpenPGP public key, ASCII-armoured or binary (gpg --export), and the full fingerprint of one that it holds.',
  },
  KEY_FILE_INVALID: {
    kind: 'input',
    what: 'a key file cannot be used: it is no key of the kind that is wanted, is damaged, or the password is another',
    todo: 'Check the password and the kind: our own keys are made with milliner key generate; docs/keys.md has which keys of others are read.',
  },
  PASSWORD_MISSING: {
    kind: 'input',
    what: 'a private key needs a password, and there is none',
    todo: 'Set MILLINER_KEY_PASSWORD, or run the command on a terminal, where it asks.',
  },
  IMAGE_UNBOOTED: {
    kind: 'unbooted',
    what: 'an image is to be published that did not boot and pass its checks here',
    todo: 'Boot it with: milliner boot IMAGE',
  },
  VERDICT_MISSING: {
    kind: 'unbooted',
    what: 'an image has no signed verdict that it booted and passed its checks',
    todo: 'Boot it with: milliner boot, then publish it again.',
  },
  RPMDB_INVALID: {
    kind: 'install',
    what: 'an rpm database is damaged, or holds what rpm does not write',
    todo: 'Build again; if it comes back, a scriptlet of the named package set tampers with the database.',
  },
  HOST_MISSING: {
    kind: 'host',
    what: 'this host lacks something that the command needs',
    todo: 'Run: milliner doctor',
  },
  HOST_ROOT_SHARED: {
    kind: 'host',
    what: "this host's kernel or file system cannot keep the root of scriptlets and instances apart from its own",
    todo: "Use Linux 6.2 or later with user namespaces (sysctl user.max_user_namespaces above 0) and the state on ext4, xfs or btrfs; or let them have the host's root, held by capabilities and seccomp alone: --allow-host-root",
  },
  NOT_ROOT: {
    kind: 'host',
    what: 'the kernel keeps what this command does for root',
    todo: 'Run it as root (sudo).',
  },
  OUTPUT_UNUSABLE: {
    kind: 'input',
    what: 'the output directory holds something other than an OCI layout',
    todo: 'Give an empty or new directory with --output.',
  },
  IMAGE_NOT_FOUND: {
    kind: 'input',
    what: 'the state directory has no such image',
    todo: 'Build it with: milliner build RECIPE',
  },
  TOOLS_DIFFER: {
    kind: 'input',
    what: 'the lock was made with other versions of the tools that the bytes depend on',
    todo: 'Run with the versions that the lock names, or lock again: milliner lock RECIPE',
  },
  DISK_FULL: {
    kind: 'storage',
    what: 'a file system is full; what was half-written has been removed',
    todo: 'Free space, or choose another place with --state, then run again.',
    passes: true,
  },
  BUSY: {
    kind: 'storage',
    what: 'another process holds what this command needs alone',
    todo: 'Wait until the named process ends, or stop it, then run again.',
    passes: true,
  },
  STATE_INVALID: {
    kind: 'storage',
    what: 'the state directory holds something that this version of Milliner cannot use',
    todo: 'Choose another place with --state, or move the named file away: what is cached is made anew.',
  },
  BLOB_MISSING: {
    kind: 'storage',
    what: 'a blob is not in the content store',
    todo: 'Run the build again: it fetches or makes what is missing.',
    passes: true,
  },
  BLOB_CORRUPT: {
    kind: 'storage',
    what: 'a blob in the content store no longer has its digest; it has been removed',
    todo: 'Run again: the blob is fetched or made anew. If it comes back, check the disk.',
    passes: true,
  },
  SNAPSHOT_EXISTS: {
    kind: 'storage',
    what: 'there is a snapshot of that name already',
    todo: 'Use it, or remove it first with: milliner gc',
  },
  SNAPSHOT_NOT_FOUND: {
    kind: 'storage',
    what: 'there is no snapshot of that name and kind',
    todo: 'Run the build again: it makes the snapshots it needs.',
  },
  SNAPSHOT_IN_USE: {
    kind: 'storage',
    what: 'a snapshot is mounted or other snapshots are made from it',
    todo: 'Stop what uses it, or remove the snapshots made from it first.',
  },
  ...diskErrors,
  ...registryErrors,
  ...poolErrors,
  BOOT_FAILED: {
    kind: 'boot',
    what: 'an image did not pass its test boot',
    todo: 'Mend what the causes name; the verdict with its evidence is in the state directory, verdicts/DIGEST.json.',
  },
  INSTANCE_FAILED: {
    kind: 'boot',
    what: 'an instance could not be started, or was not ready in time',
    todo: 'See what its image does with: milliner boot IMAGE',
  },
  INSTANCE_NOT_FOUND: {
    kind: 'input',
    what: 'no such instance runs',
    todo: 'See which run with: milliner ps',
  },
  PORT_UNUSABLE: {
    kind: 'host',
    what: 'a port of this host cannot be listened on',
    todo: 'Choose another with --publish, or leave its number out to get one that is free.',
  },
  QUEUE_UNAVAILABLE: {
    kind: 'queue',
    what: 'the Redis of the queue does not answer, or cannot be started',
    todo: 'Check MILLINER_REDIS and that its server runs; without it, see queue/redis.log in the state directory.',
  },
  QUEUE_DENIED: {
    kind: 'queue',
    what: 'the Redis of the queue refuses this user',
    todo: 'Give a user and password that it knows in MILLINER_REDIS, with all commands on the keys milliner:* (or those of MILLINER_REDIS_PREFIX).',
  },
  QUEUE_FULL: {
    kind: 'queue',
    what: 'the Redis of the queue takes nothing more: it has reached its maxmemory, or its disk is full',
    todo: 'Give it more memory (CONFIG SET maxmemory), or remove finished releases with: milliner queue clean',
    passes: true,
  },
  QUEUE_UNSAFE: {
    kind: 'queue',
    what: 'the Redis of the queue may lose jobs, or is too old to keep them',
    todo: 'Use a Redis 6.2 or later that is the primary, not in cluster mode, with maxmemory-policy noeviction.',
  },
  JOB_LOST: {
    kind: 'queue',
    what: 'a worker was away for longer than it may be, and another has taken its job: what it still wanted to publish was refused',
    todo: 'Nothing: the other worker goes on. If it comes back, see what holds up the named worker.',
    passes: true,
  },
  QUEUE_FORGED: {
    kind: 'queue',
    what: 'the queue holds what no enrolled machine has sealed, or what its seal does not cover: somebody has written to its Redis, or another version of Milliner has',
    todo: 'Find out who can write to the Redis (milliner queue users makes a user for each kind of machine), then release again.',
  },
  MACHINE_UNKNOWN: {
    kind: 'queue',
    what: 'a machine that is not enrolled here, or not for this, has put something into the queue',
    todo: 'If it is yours: milliner machine show there, and milliner machine enroll TOKEN --for RIGHT here; then: milliner queue retry RELEASE',
  },
  EXCHANGE_INVALID: {
    kind: 'queue',
    what: 'another machine has left something in the exchange that is not of the form, or larger, than Milliner leaves there',
    todo: 'See which machine built it (milliner queue status RELEASE), and whether its Milliner is of the same version; then release again.',
  },
  WORKER_DIED: {
    kind: 'queue',
    what: 'the process of a job was killed, or its worker again and again',
    todo: 'See what kills it (journalctl -k tells of memory), then: milliner queue retry RELEASE',
    passes: true,
  },
  RELEASE_NOT_FOUND: {
    kind: 'input',
    what: 'the queue has no such release, or it is not in a state for this',
    todo: 'See which there are with: milliner queue status',
  },
  RELEASE_FAILED: {
    kind: 'release',
    what: 'a release failed, or was cancelled; its causes are in details.releases',
    todo: 'See its log with: milliner queue status RELEASE; mend the cause, then: milliner queue retry RELEASE',
  },
  RELEASE_LOST: {
    kind: 'release',
    what: 'a release has left the queue while it was waited for: its Redis came back without it, or somebody removed it',
    todo: 'Nobody knows how far it got: look at the tags, then release it again. See to it that the Redis keeps what it acknowledges (appendonly).',
  },
  RELEASE_CANCELLED: {
    kind: 'release',
    what: 'a release was given up with queue cancel',
    todo: 'Take it up again with: milliner queue retry RELEASE',
  },
  RELEASE_SUPERSEDED: {
    kind: 'release',
    what: 'a release that was queued later has moved the same tags already',
    todo: 'Nothing, if the later one is the right one; to go back to this one, release it again.',
  },
  BASE_FAILED: {
    kind: 'release',
    what: "a release was not begun, because its base's failed",
    todo: 'Mend the base and retry it first, then: milliner queue retry RELEASE',
  },
  COMMAND_FAILED: {
    kind: 'internal',
    what: 'a program that Milliner runs failed in a way it does not know',
    todo: 'Read the output above; run again with --debug for the command line.',
  },
} as const satisfies Record<string, Row>;

export type ErrorCode = keyof typeof table;
export const errorTable: Readonly<Record<ErrorCode, Row>> = table;
