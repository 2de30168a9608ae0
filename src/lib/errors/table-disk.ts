/** The part of the table of errors that is about what others write to our disk. */
export const diskErrors = {
  INSTALL_DISK_FULL: {
    kind: 'install',
    what: 'packages or their scriptlets wrote more than an installation may',
    todo: 'Mend what writes so much; an installation that needs more gets it in the recipe: install: {disk: 64G}',
  },
  UNPACKED_TOO_LARGE: {
    kind: 'storage',
    what: 'a layer, or a file system, unpacks to more than the file system of the state can give one',
    todo: 'See what it is before it gets more room: free space, or choose another place with --state, then run again.',
  },
} as const;
