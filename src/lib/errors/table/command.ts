/** Errors of the command line itself, and of the files and names that a user gives it. */
import type { Rows } from './row.ts';

export const internal = {
  INTERNAL: {
    summary: 'Milliner itself failed',
    hint: 'Report it with the output of the same command under --debug.',
  },
  COMMAND_FAILED: {
    summary: 'a program that Milliner runs failed for an unknown reason',
    hint: 'Read the output above. Run again with --debug to see the command line.',
  },
} satisfies Rows;

export const usage = {
  USAGE: {
    summary: 'the arguments or flags do not fit the command',
    hint: 'Run the command with --help to see what it takes.',
  },
} satisfies Rows;

export const interrupted = {
  INTERRUPTED: {
    summary: 'a signal stopped the command; its mounts and processes are gone',
    hint: 'Run the command again. Finished steps are kept.',
    retryable: true,
  },
} satisfies Rows;

export const input = {
  RECIPE_NOT_FOUND: {
    summary: 'the recipe does not exist',
    hint: 'Give the path of a recipe file, or the name of a recipe in recipes/.',
  },
  RECIPE_INVALID: {
    summary: 'the recipe is invalid',
    hint: 'See milliner recipe explain KEY. For completion, point your editor at recipes/recipe.schema.json.',
  },
  SET_NOT_FOUND: {
    summary: 'the release set does not exist',
    hint: 'Give the path of a release set, or write one with milliner init NAME --set.',
  },
  SET_INVALID: {
    summary: 'the release set is invalid',
    hint: 'Fix that key. For completion, point your editor at recipes/set.schema.json.',
  },
  STACK_NOT_FOUND: {
    summary: 'the stack does not exist',
    hint: 'Give the path of a file NAME.stack.yaml, or NAME.stack for one in recipes/stacks, recipes or stacks.',
  },
  STACK_INVALID: {
    summary: 'the stack is invalid',
    hint: 'Fix that key. For completion, point your editor at recipes/stack.schema.json.',
  },
  LOCK_INVALID: {
    summary: 'the lock file cannot be read, or was edited by hand',
    hint: 'Make the lock again with milliner lock RECIPE.',
  },
  LOCK_STALE: {
    summary: 'the lock no longer matches its recipe',
    hint: 'Make the lock again with milliner lock RECIPE.',
  },
  LOCK_NOT_FOUND: {
    summary: 'the lock file does not exist',
    hint: 'Make the lock with milliner lock RECIPE.',
  },
  PACKAGE_NOT_FOUND: {
    summary: 'the lock has no package of this name',
    hint: 'See the lock file for the names of all packages and of their sources.',
  },
  ADVISORY_NOT_FOUND: {
    summary: 'no advisory of the repositories has this CVE or this id',
    hint: 'Check the number. Nothing is known of which packages it affects: a repository may have no advisory of it yet. Name recipes with other repositories with --recipe.',
  },
  BASE_INVALID: {
    summary: 'the image or file system cannot be the base of a recipe',
    hint: 'Ask its maker for a corrected one, or name another base in the from of the recipe.',
  },
  RPMDB_UNSUPPORTED: {
    summary: 'the base keeps its rpm database in a format other than SQLite',
    hint: 'Have the database converted to SQLite (rpmdb --rebuilddb), or use a base with rpm 4.16 or later.',
  },
  REFERENCE_INVALID: {
    summary: 'the reference to an image in a registry is malformed',
    hint: 'Write it as HOST[:PORT]/REPOSITORY:TAG.',
  },
  CREDENTIALS_INVALID: {
    summary:
      'a file of credentials (of registries, or a netrc of repositories) cannot be read, or a credential helper failed',
    hint: 'For a registry, log in again (podman login REGISTRY), or name another file in REGISTRY_AUTH_FILE. For a repository, name another file in NETRC.',
  },
  REGISTRIES_INVALID: {
    summary: "the host's configuration of registries (registries.conf, registries.d) cannot be read",
    hint: 'Fix the named file. See containers-registries.conf(5) and containers-registries.d(5).',
  },
  IMAGE_UNPUBLISHED: {
    summary: 'the registry has no image under this reference',
    hint: 'Check the reference, or publish the image with milliner publish.',
  },
  POLICY_INVALID: {
    summary: 'a policy file exists already, and cannot be added to',
    hint: 'Fix the named file, or give another directory with --out. See containers-policy.json(5) and containers-registries.d(5).',
  },
  LISTEN_UNSAFE: {
    summary: 'the dashboard would be served to other hosts without TLS',
    hint: 'Give the certificate and key of its name with --tls-cert and --tls-key. Otherwise listen on loopback and reach it through ssh -L 8117:127.0.0.1:8117 HOST, or on a unix socket behind a web server that speaks TLS and knows its users.',
  },
  CERTIFICATE_INVALID: {
    summary: 'the certificate or key for TLS cannot be used',
    hint: 'Give a certificate in PEM that has not expired, with those of its authorities, and its key in PEM without a password.',
  },
  TOKEN_FILE_INVALID: {
    summary: 'the file of a token cannot be used: others can read it, or it holds no long token',
    hint: 'Make one that only you can read: (umask 077; openssl rand -hex 32 > FILE).',
  },
  KEY_FILE_INVALID: {
    summary: 'the key file cannot be used: it is damaged, of the wrong kind, or has another password',
    hint: 'Check the password and the kind of the key. Make a key with milliner key generate, or see docs/keys.md for the keys of other tools that Milliner reads.',
  },
  PASSWORD_MISSING: {
    summary: 'the private key needs a password, and none was given',
    hint: 'Set MILLINER_KEY_PASSWORD, or run the command on a terminal, where it asks.',
  },
  OUTPUT_UNUSABLE: {
    summary: 'the output directory holds something other than an OCI layout',
    hint: 'Give an empty or new directory with --output.',
  },
  REPORT_INVALID: {
    summary: 'the file is not the stored report of a night, or one of another version',
    hint: 'Give a file of nights/SET in the state directory, or the body that a webhook got.',
  },
  IMAGE_NOT_FOUND: {
    summary: 'the state directory has no such image',
    hint: 'Build the image with milliner build RECIPE.',
  },
  TOOLS_DIFFER: {
    summary: 'the lock was made with other versions of the tools that the bytes of an image depend on',
    hint: 'Use the versions that the lock names, or make the lock again with milliner lock RECIPE.',
  },
  INSTANCE_NOT_FOUND: {
    summary: 'no such instance is running',
    hint: 'List the running instances with milliner ps.',
  },
  VOLUME_NOT_FOUND: {
    summary: 'the state directory has no such volume',
    hint: 'List the volumes with milliner volume list.',
  },
  SECRET_UNUSABLE: {
    summary: 'the file of a secret is not there, or others than its owner can read it',
    hint: 'Make it readable for its owner alone (chmod 600 FILE), and give it to root.',
  },
  RELEASE_NOT_FOUND: {
    summary: 'the queue has no such release, or the release is not in a state for this',
    hint: 'List the releases with milliner queue status.',
  },
  SCHEDULE_NOT_FOUND: {
    summary: 'the queue has no schedule for a release set of this name',
    hint: 'List the schedules with milliner schedule list. Make one with milliner schedule add SET.',
  },
  SCHEDULE_MISSING: {
    summary: 'the release set has no schedule, or one that no day matches',
    hint: "Write schedule: into the set, or give --cron, such as --cron '30 2 * * *' (minute, hour, day, month, weekday in UTC).",
  },
} satisfies Rows;
