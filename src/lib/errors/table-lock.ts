/** The part of the table of errors that is about locks. */
export const lockErrors = {
  LOCK_INVALID: {
    kind: 'input',
    what: 'a lock file cannot be read or was edited by hand',
    todo: 'Make it anew with: milliner lock RECIPE',
  },
  LOCK_STALE: {
    kind: 'input',
    what: 'a lock no longer answers its recipe',
    todo: 'Make it anew with: milliner lock RECIPE',
  },
  LOCK_NOT_FOUND: {
    kind: 'input',
    what: 'there is no such lock',
    todo: 'Make it with: milliner lock RECIPE',
  },
  PACKAGE_NOT_FOUND: {
    kind: 'input',
    what: 'a lock has no package of the name that was given',
    todo: 'The lock file has the names of all packages, and of their sources.',
  },
  DATABASE_DIFFERS: {
    kind: 'install',
    what: "the image's rpm database has not the packages of its lock, no more and no fewer",
    todo: 'A package whose %pre or %pretrans fails is not installed, whatever the recipe allows: mend it, or leave it out. Otherwise report it with the output of the same command under --debug.',
  },
  DATABASE_ELSEWHERE: {
    kind: 'install',
    what: "the image's own rpm would look for its database where there is none that Milliner can keep",
    todo: 'Leave out the package whose macro file sets %_dbpath so, or have it say /usr/lib/sysimage/rpm or /var/lib/rpm.',
  },
  ID_DRIFT: {
    kind: 'install',
    what: 'a user or group would have another id than the ledger beside the lock (RECIPE.ids.json) says, or one that was given to another',
    todo: 'Keep the packages from it; or accept it, by changing the line of that name in the ledger: files in volumes that have the old id are then yours to change.',
  },
} as const;
