/** Compares the names that a recipe uses with what its image has: units, programs of checks, the user that runs. */
import { nearest } from '../../lib/yaml/nearest.ts';
import type { WrongKey } from '../../lib/yaml/yaml-file.ts';
import type { Recipe } from './schema.ts';

/** What an image has, as far as recipes name it. */
export interface ImageNames {
  /** Names of unit files. */
  units: ReadonlySet<string>;
  /** Whether the image may have more units than these, once it boots. */
  makesUnits: boolean;
  /** Names of programs in the directories of programs. */
  programs: ReadonlySet<string>;
  /** Whether something is at an absolute path. */
  has(path: string): boolean;
  users: ReadonlySet<string>;
  /** Whether a scriptlet of a package may make a file, a link or a user of this name. */
  mayMake(name: string): boolean;
}

export type UsedNames = Pick<Recipe, 'services' | 'test' | 'config'>;

/** Unit types that need no file: systemd makes them from what it finds. */
const withoutFile = /\.(?:mount|automount|swap|device|scope|slice)$/;

/** Undefined where the image has it. */
function wrongUnit(names: ImageNames, unit: string): Pick<WrongKey, 'text' | 'suggestion'> | undefined {
  const full = /\.[a-z]+$/.test(unit) ? unit : `${unit}.service`;
  const template = full.replace(/@.+(?=\.[a-z]+$)/, '@');
  if (withoutFile.test(full) || names.units.has(full) || names.units.has(template)) return undefined;
  return { text: `the image has no unit ${full}`, suggestion: nearest(full, names.units) };
}

/** Units that the recipe enables or disables: systemctl needs their files. */
export function wrongServices(names: ImageNames, { services }: UsedNames): WrongKey[] {
  return (['enable', 'disable'] as const).flatMap((verb) =>
    services[verb].flatMap((unit, index) => {
      const wrong = wrongUnit(names, unit);
      return wrong ? [{ keys: ['services', verb, index], ...wrong }] : [];
    }),
  );
}

/** What a boot would wait for in vain. */
export function wrongTest(names: ImageNames, { test, config }: UsedNames): WrongKey[] {
  const unit = test?.ready.unit;
  const wrong = unit !== undefined && !names.makesUnits ? wrongUnit(names, unit) : undefined;
  const user = wrongUser(names, config);
  return [
    ...(wrong ? [{ keys: ['test', 'ready', 'unit'], ...wrong }] : []),
    ...(user ? [user] : []),
    ...(test?.checks ?? []).flatMap((check, index) => {
      const program = 'exec' in check ? wrongProgram(names, check.exec[0]!, config) : undefined;
      return program ? [{ keys: ['test', 'checks', index, 'exec', 0], ...program }] : [];
    }),
  ];
}

/** Where instances and services write: a program may come into being there. */
const written = /^\/(?:run|tmp|var|home|srv|mnt|media|proc|dev|opt\/.*\/var)\//;

function wrongProgram(names: ImageNames, program: string, { env }: Recipe['config']) {
  if (program.startsWith('/')) {
    if (written.test(program) || names.has(program)) return undefined;
    return { text: `the image has no program ${program}`, suggestion: undefined };
  }
  const path = env['PATH']?.split(':') ?? [];
  if (
    program.includes('/') ||
    names.programs.has(program) ||
    path.some((one) => names.has(`${one}/${program}`))
  )
    return undefined;
  return { text: `the image has no program ${program}`, suggestion: nearest(program, names.programs) };
}

function wrongUser(names: ImageNames, { user }: Recipe['config']): WrongKey | undefined {
  const [name = ''] = user?.split(':') ?? [];
  if (name === '' || name === 'root' || /^\d+$/.test(name) || names.users.has(name)) return undefined;
  return {
    keys: ['config', 'user'],
    text: `the image has no user ${name}`,
    suggestion: nearest(name, names.users),
  };
}

/**
 * Of names that packages' headers lack, those that are mistakes for certain: another name is near, and no scriptlet makes
 * this one.
 */
export function isCertain(
  names: ImageNames,
  { suggestion, text }: Pick<WrongKey, 'suggestion' | 'text'>,
): boolean {
  return (
    suggestion !== undefined &&
    !names.mayMake(
      text
        .split(' ')
        .at(-1)!
        .replace(/\.service$/, ''),
    )
  );
}
