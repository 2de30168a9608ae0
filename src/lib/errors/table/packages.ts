/** Errors of repositories and packages: getting them, choosing them, and trusting them. */
import type { Rows } from './row.ts';

export const repository = {
  REPO_UNAVAILABLE: {
    summary: 'a repository or a package could not be fetched',
    hint: 'Check the baseurl and the network, then run the command again. Finished downloads are kept.',
    retryable: true,
  },
  OFFLINE_MISSING: {
    summary: 'neither the cache nor the store has something that the command needs, and --offline is set',
    hint: 'Run the same command once without --offline.',
  },
  REPO_INVALID: {
    summary: "the repository's metadata is malformed, or does not match its own checksums",
    hint: 'Have the repository repaired (createrepo_c), or use another mirror.',
  },
  PACKAGE_INVALID: {
    summary: 'a package is not a readable RPM',
    hint: 'Fetch or build the named package again.',
  },
  METADATA_OLDER: {
    summary:
      "the repository's metadata is older than what was seen before: a mirror lags, or replays old metadata",
    hint: 'Use another mirror, or wait for this one. If the repository was set back on purpose, lock once with --allow-older NAME.',
    retryable: true,
  },
  DIGEST_MISMATCH: {
    summary: 'the bytes that arrived do not have the digest or size that was announced',
    hint: 'Use another mirror. If the package was rebuilt under the same name, make the lock again.',
    retryable: true,
  },
} satisfies Rows;

export const solve = {
  SOLVE_FAILED: {
    summary: 'no set of packages satisfies the recipe',
    hint: 'Add the missing repository or package, or remove the conflicting one.',
  },
  BASE_REPLACED: {
    summary: 'packages of the recipe would replace packages of its base',
    hint: 'Use a base that has them, or other versions of the packages. To allow it, name the packages in the recipe: allow: {replace: [NAME]}.',
  },
} satisfies Rows;

export const trust = {
  ADDRESS_REFUSED: {
    summary:
      'Milliner refused a server whose address is not public: an answer named the server (a redirect, a list of mirrors, a lock), or --untrusted is set',
    hint: 'If that server is intended, name its address or network in MILLINER_PRIVATE_NETWORKS, such as 10.0.0.0/8.',
  },
  RECIPE_UNTRUSTED: {
    summary:
      'the recipe asks for something that --untrusted refuses: files of the host, its tools, or a place to publish to',
    hint: 'Read the recipe. If it is to be trusted, run without --untrusted.',
  },
  FILE_OUTSIDE: {
    summary:
      "a file that the recipe or the release set names, or the recipe itself, is outside of the recipe's root: a symbolic link or .. points there",
    hint: "Put the file itself beneath the recipe's directory (or the one above, if that is called recipes), or name it by an absolute path.",
  },
  METADATA_UNTRUSTED: {
    summary:
      "the repository's metadata is unsigned, wrongly signed, or signed with a key that the recipe does not name",
    hint: 'Add the right key to the repository in the recipe. To do without a signature of the metadata, set repoGpgcheck: false.',
  },
  SIGNATURE_INVALID: {
    summary: 'a package is unsigned, wrongly signed, or signed with a key that the recipe does not name',
    hint: 'Add the right key to the repository in the recipe, or fetch the package from its maker again. To allow an unsigned package, name it in the recipe: allow: {unsigned: [NAME]}.',
  },
  KEY_INVALID: {
    summary:
      'a key file of the recipe holds no public key that rpm accepts, or not the one that the recipe names',
    hint: 'Name a file with an OpenPGP public key, ASCII-armoured or binary (gpg --export), and the full fingerprint of a key in it.',
  },
} satisfies Rows;
