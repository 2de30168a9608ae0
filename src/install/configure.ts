/** What the recipe itself adds to the installed tree: files from templates, units enabled and disabled. */
import { chmod, lchown, mkdir, rm, writeFile } from 'node:fs/promises';
import Handlebars from 'handlebars';
import { MillinerError } from '../errors.ts';
import { asStorageError, lstatIfThere } from '../host/files.ts';
import { below, type ByteString } from '../host/paths.ts';
import { resolveParents } from '../host/inside.ts';
import { readOwners } from './owners.ts';
import { runInSandbox, type Sandbox } from './sandbox.ts';

export interface FileToWrite {
  path: string;
  content: string;
  /** Octal. */
  mode: string;
  /** user:group, names of the image. */
  owner: string;
}

/** Fills a template; a name that the values do not have is an error, not an empty string. */
export function renderTemplate(name: string, text: string, values: Record<string, unknown>): string {
  try {
    return Handlebars.compile(text, { strict: true, noEscape: true, knownHelpersOnly: true })(values);
  } catch (cause) {
    throw new MillinerError('RECIPE_INVALID', `template ${name}: ${wordsOf(cause as Error)}`, { cause });
  }
}

/** Handlebars names the object of the recipe's values by its type. */
function wordsOf({ message }: Error): string {
  return message.replace('not defined in [object Object]', "is not among the recipe's values");
}

/** Links in the way are followed inside the image; missing directories are made 0755 root:root. */
export async function writeFiles(target: string, files: FileToWrite[]): Promise<void> {
  const owners = await readOwners(target);
  for (const file of files) {
    const [user, group] = file.owner.split(':') as [string, string];
    const uid = owners.uid(user);
    const gid = owners.gid(group);
    if (uid === undefined || gid === undefined) {
      const missing = uid === undefined ? `user ${user}` : `group ${group}`;
      throw new MillinerError('OWNER_UNKNOWN', `files: ${file.path}: the image has no ${missing}`, {
        hint: 'Name a user and group that a package of the recipe makes.',
      });
    }
    const path = await placeFor(target, file.path);
    try {
      await rm(path, { force: true });
      await writeFile(path, file.content, { flag: 'wx', mode: 0o600 });
    } catch (error) {
      throw asStorageError(error, path.toString());
    }
    // Owner before mode: a change of owner clears the setuid bit.
    await lchown(path, uid, gid);
    await chmod(path, Number.parseInt(file.mode, 8));
  }
}

async function placeFor(target: string, path: string): Promise<Buffer> {
  const resolved = resolveParents(target, path);
  if (resolved === undefined)
    throw new MillinerError('RECIPE_INVALID', `files: ${path}: links lead in a circle`);
  const parts = resolved.split('/');
  for (let depth = 1; depth < parts.length; depth++) {
    await makeDirectory(below(target, parts.slice(0, depth).join('/') as ByteString), path);
  }
  const place = below(target, resolved);
  const found = await lstatIfThere(place);
  if (found?.isDirectory()) throw new MillinerError('RECIPE_INVALID', `files: ${path}: a directory is there`);
  return place;
}

async function makeDirectory(path: Buffer, wanted: string): Promise<void> {
  const found = await lstatIfThere(path);
  if (!found) {
    await mkdir(path);
    await chmod(path, 0o755);
  } else if (!found.isDirectory()) {
    throw new MillinerError('RECIPE_INVALID', `files: ${wanted}: ${path.toString()} is not a directory`);
  }
}

export interface Services {
  enable: string[];
  disable: string[];
}

/** The image's own systemctl does it, offline, inside the image. */
export async function setServices(sandbox: Sandbox, services: Services): Promise<void> {
  for (const verb of ['enable', 'disable'] as const) {
    if (services[verb].length === 0) continue;
    const { exitCode, stderr } = await runInSandbox(sandbox, {
      args: ['chroot', '/target', '/usr/bin/systemctl', '--no-pager', verb, ...services[verb]],
    });
    if (exitCode === 0) continue;
    const words = stderr.trim().split('\n').slice(-5).join('\n');
    throw new MillinerError(
      'RECIPE_INVALID',
      `services: systemctl ${verb} ${services[verb].join(' ')}: ${words}`,
      {
        hint: 'Name units that the installed packages have; systemctl itself comes with the package systemd.',
      },
    );
  }
}
