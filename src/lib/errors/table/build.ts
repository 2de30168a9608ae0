/** Errors of making an image and of its test boot. */
import type { Rows } from './row.ts';

export const install = {
  LAYERS_DIFFER: {
    summary: 'Milliner itself failed: its layers differ from the installed tree, and nothing was kept',
    hint: 'Report it with the recipe and the named paths.',
  },
  DATABASE_DIFFERS: {
    summary: "the image's rpm database does not list exactly the packages of the lock",
    hint: 'Fix or leave out a package whose %pre or %pretrans fails: rpm does not install it, whatever the recipe allows. Otherwise report it with the output of the same command under --debug.',
  },
  DATABASE_ELSEWHERE: {
    summary: "the image's own rpm would look for its database where Milliner cannot keep one",
    hint: 'Leave out the package whose macro file sets %_dbpath, or have that file say /usr/lib/sysimage/rpm or /var/lib/rpm.',
  },
  ID_DRIFT: {
    summary:
      'a user or group would get another id than the ledger beside the lock (RECIPE.ids.json) says, or an id that another one has had',
    hint: 'Keep the packages from changing the id. To accept it, change the line of that name in the ledger, and the owner of files in volumes that have the old id.',
  },
  SCRIPTLET_FAILED: {
    summary: 'a scriptlet of a package failed; rpm alone would have continued',
    hint: 'Fix the package. To allow this scriptlet to fail, name it in the recipe: allow: {scriptlets: ["%post(NAME)"]}.',
  },
  OWNER_UNKNOWN: {
    summary:
      'a file belongs to a user or group that the image does not have; rpm alone would have given it to root',
    hint: 'Install the package that creates the user. To allow it, name the user in the recipe: allow: {owners: [NAME]}.',
  },
  INSTALL_FAILED: {
    summary: 'the transaction of rpm failed',
    hint: 'Read the output of rpm above: it names the package and the file.',
  },
  INSTALL_DISK_FULL: {
    summary: 'packages or their scriptlets wrote more than an installation may',
    hint: 'Fix what writes so much. If the installation needs more, raise the limit in the recipe: install: {disk: 64G}.',
  },
  LIMIT_EXCEEDED: {
    summary: 'rpm or a scriptlet ran longer, wrote more, or took more memory than it may',
    hint: 'Fix the scriptlet of the named package. If the transaction needs more, raise the limit in the recipe: install: {timeout: 3h, memory: 8G}.',
  },
  IMAGE_UNREPRESENTABLE: {
    summary: 'the tree holds something that an OCI layer cannot express',
    hint: 'Have the package or scriptlet that makes the named path changed, or exclude the package.',
  },
  RPMDB_INVALID: {
    summary: 'an rpm database is damaged, or holds what rpm does not write',
    hint: 'Build again. If it happens again, a scriptlet of the named packages tampers with the database.',
  },
} satisfies Rows;

export const reproducibility = {
  NOT_REPRODUCIBLE: {
    summary: 'two builds of one lock gave different images',
    hint: 'Find what makes the named path: a scriptlet that writes the time, a random number or an unsorted list.',
  },
} satisfies Rows;

export const boot = {
  BOOT_FAILED: {
    summary: 'the image did not pass its test boot',
    hint: 'Fix the named causes. The state directory has the verdict with its evidence in verdicts/DIGEST.json.',
  },
  INSTANCE_FAILED: {
    summary: 'the instance could not be started, or was not ready in time',
    hint: 'Test its image with milliner boot IMAGE.',
  },
} satisfies Rows;
