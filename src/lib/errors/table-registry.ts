/** The part of the table of errors that is about images in registries: bases among them, and who signed what. */
export const registryErrors = {
  BASE_INVALID: {
    kind: 'input',
    what: 'an image or a file system cannot be what a recipe stands on',
    todo: "Have it made again by its maker, or name another one in the recipe's from.",
  },
  BASE_REPLACED: {
    kind: 'solve',
    what: "packages of the recipe would take the place of the base's own",
    todo: 'Name a base that has them, or another version of the packages; or allow it by name in the recipe: allow: {replace: [NAME]}',
  },
  RPMDB_UNSUPPORTED: {
    kind: 'input',
    what: 'a base keeps its rpm database in another form than SQLite',
    todo: 'Have it converted (rpmdb --rebuilddb with the sqlite backend), or name a base of rpm 4.16 or later.',
  },
  REFERENCE_INVALID: {
    kind: 'input',
    what: 'a reference to an image in a registry is malformed',
    todo: 'Write it as HOST[:PORT]/REPOSITORY:TAG.',
  },
  CREDENTIALS_INVALID: {
    kind: 'input',
    what: 'a file of registry credentials, or of repositories (netrc), cannot be read, or a credential helper fails',
    todo: 'Log in again (podman login REGISTRY), or name another file in REGISTRY_AUTH_FILE; for repositories, in NETRC.',
  },
  REGISTRIES_INVALID: {
    kind: 'input',
    what: "this host's configuration of registries (registries.conf, registries.d) cannot be read",
    todo: 'Mend the named file: containers-registries.conf(5), containers-registries.d(5).',
  },
  REGISTRY_BLOCKED: {
    kind: 'registry',
    what: "this host's configuration (registries.conf) blocks a registry, or part of one",
    todo: 'Name an image of another registry, or have whoever blocks it allow it.',
  },
  REGISTRY_UNAVAILABLE: {
    kind: 'registry',
    what: 'a registry does not answer, or fails again and again',
    todo: 'Check its address and the network, then run again: what has arrived there is kept.',
    passes: true,
  },
  REGISTRY_DENIED: {
    kind: 'registry',
    what: 'a registry refuses access',
    todo: 'Log in to it with an account that may do this: podman login REGISTRY',
  },
  REGISTRY_INVALID: {
    kind: 'registry',
    what: 'a registry answers what the protocol does not allow, or other bytes than their digest promises',
    todo: 'Check that the reference names a registry, and have its operator look at the named request.',
  },
  REGISTRY_EXCESS: {
    kind: 'registry',
    what: 'a registry has more of manifests, referrers, tags or signatures than one operation takes',
    todo: 'Look at what hangs on the image, and who writes to the repository: most of it is not needed. Remove it there, or name a copy without it.',
  },
  REGISTRY_INSECURE: {
    kind: 'registry',
    what: 'a registry has no TLS that this host trusts, or sends on to plain HTTP',
    todo: 'Have its operator mend the address it gives out, or allow plain HTTP where nobody can listen: --plain-http',
  },
  IMAGE_UNPUBLISHED: {
    kind: 'input',
    what: 'a registry has no image under this reference',
    todo: 'Check the reference; publish the image with: milliner publish',
  },
  POLICY_INVALID: {
    kind: 'input',
    what: 'a policy file that is there already cannot be added to',
    todo: 'Mend the named file (containers-policy.json(5), containers-registries.d(5)), or give another directory with --out.',
  },
  SIGNATURE_MISSING: {
    kind: 'unsigned',
    what: 'an image lacks a signature or a signed bill of materials',
    todo: 'Publish it with: milliner publish; an image that others signed may have one of the two layouts: --only',
  },
  SIGNATURE_WRONG_KEY: {
    kind: 'wrongKey',
    what: 'an image is signed, but not with the private half of this key',
    todo: 'Give the public key of whoever published the image with --key.',
  },
  SIGNATURE_REFUSED: {
    kind: 'wrongKey',
    what: 'an image is signed with this key, in a way that does not count: the key was revoked or had expired, or the hash is weak',
    todo: 'Have its maker sign it again, or fetch the newest copy of the key.',
  },
  SIGNED_ELSEWHERE: {
    kind: 'signedElsewhere',
    what: 'an image is signed with this key, under another reference: it is a copy, or somebody gave it another tag',
    todo: 'Where it is meant to be a copy, name the reference that was signed: milliner verify --signed-as REFERENCE',
  },
  SIGNATURE_UNNAMED: {
    kind: 'signedElsewhere',
    what: 'an image is signed with this key in bundles alone, which name no reference: whoever may push could have put any signed image under this tag',
    todo: 'Ask for the image by its digest, have it signed with its reference (milliner publish; cosign before 3), or take any image of this key: --unnamed, in a recipe from: {unnamed: true}',
  },
  TAG_ROLLED_BACK: {
    kind: 'signedElsewhere',
    what: 'a tag names an image that it named before, or nothing is stated of it any more: what was seen of it here is newer',
    todo: 'Look at who writes to the repository. Where its publisher meant to go back, have the image published once more: milliner publish',
  },
  TAG_EXPIRED: {
    kind: 'signedElsewhere',
    what: 'what a tag names was stated for a time that is over: it may have been held back at an older image',
    todo: 'Have it published once more (milliner publish), or take it as it is: --allow-expired, in a recipe from: {expired: true}',
  },
  VERDICT_REVOKED: {
    kind: 'unbooted',
    what: 'the verdict that an image booted was revoked by the key that had signed it',
    todo: 'Have it booted again and published once more: milliner boot, milliner publish',
  },
  IMAGE_REVOKED: {
    kind: 'wrongKey',
    what: 'an image is signed with this key, which has revoked it since',
    todo: 'Do not run the image; take a newer one.',
  },
  IMAGE_ALTERED: {
    kind: 'altered',
    what: 'an image or a signature was changed: it is damaged, or signs another image',
    todo: 'Do not run the image; look at who writes to the repository, then publish it again.',
  },
} as const;
