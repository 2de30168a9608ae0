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
} as const;
