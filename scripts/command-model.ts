/** The command line as oclif's manifest describes it; manual pages, docs pages and completions are made from it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Flag {
  name: string;
  char?: string | undefined;
  summary: string;
  /** Name of its value; undefined for a switch. */
  value?: string | undefined;
  /** Allowed values. */
  options?: string[] | undefined;
  isMultiple: boolean;
  isRequired: boolean;
  isGlobal: boolean;
  default?: string | undefined;
  env?: string | undefined;
}

interface Argument {
  name: string;
  summary: string;
  isRequired: boolean;
}

export interface Command {
  /** The full name, such as `queue status`. */
  name: string;
  summary: string;
  /** Paragraphs. */
  description: string[];
  args: Argument[];
  /** Whether the last argument may be repeated. */
  takesMore: boolean;
  flags: Flag[];
  examples: string[];
}

interface Topic {
  name: string;
  summary: string;
}

export interface CommandLine {
  name: string;
  version: string;
  summary: string;
  commands: Command[];
  topics: Topic[];
}

interface ManifestFlag {
  name: string;
  char?: string;
  type: 'boolean' | 'option';
  summary?: string;
  description?: string;
  helpValue?: string;
  helpGroup?: string;
  options?: string[];
  multiple?: boolean;
  required?: boolean;
  hidden?: boolean;
  default?: string | number | string[];
  env?: string;
}

interface ManifestCommand {
  id: string;
  summary: string;
  description?: string;
  examples?: string[];
  strict: boolean;
  args: Record<string, { name: string; description?: string; required?: boolean }>;
  flags: Record<string, ManifestFlag>;
}

interface Package {
  version: string;
  description: string;
  oclif: { bin: string; topics: Record<string, { description: string }> };
}

export const checkout = join(import.meta.dirname, '..');
const read = (name: string): unknown => JSON.parse(readFileSync(join(checkout, name), 'utf8'));

/** Reads the manifest of the last build. */
export function readCommandLine(): CommandLine {
  const { version, description, oclif } = read('package.json') as Package;
  const { commands } = read('oclif.manifest.json') as { commands: Record<string, ManifestCommand> };
  const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
  return {
    name: oclif.bin,
    version,
    summary: description,
    commands: Object.values(commands)
      .map((command) => commandOf(command, oclif.bin))
      .toSorted(byName),
    topics: Object.entries(oclif.topics)
      .map(([name, topic]) => ({ name, summary: topic.description }))
      .toSorted(byName),
  };
}

function commandOf(command: ManifestCommand, bin: string): Command {
  const { id, summary, description = '', examples = [], strict, args, flags } = command;
  return {
    name: id.replaceAll(':', ' '),
    summary,
    description: description
      .split(/\n{2,}/)
      .map((paragraph) => paragraph.replaceAll('\n', ' ').trim())
      .filter((paragraph) => paragraph !== ''),
    args: Object.values(args).map((arg) => ({
      name: arg.name.toUpperCase(),
      summary: arg.description ?? '',
      isRequired: arg.required === true,
    })),
    takesMore: !strict,
    flags: Object.values(flags)
      .filter(({ hidden }) => hidden !== true)
      .map(flagOf)
      .toSorted((a, b) => Number(a.isGlobal) - Number(b.isGlobal)),
    examples: examples.map((example) => example.replaceAll('<%= config.bin %>', bin)),
  };
}

function flagOf(flag: ManifestFlag): Flag {
  const takesValue = flag.type === 'option';
  return {
    name: flag.name,
    char: flag.char,
    summary: flag.summary ?? flag.description ?? '',
    value: takesValue ? (flag.helpValue ?? flag.name.toUpperCase()) : undefined,
    options: flag.options,
    isMultiple: flag.multiple === true,
    isRequired: flag.required === true,
    isGlobal: flag.helpGroup === 'GLOBAL',
    default: takesValue && flag.default !== undefined ? [flag.default].flat().join(', ') : undefined,
    env: flag.env,
  };
}

/** One line with the arguments and the required flags. */
export function synopsisOf({ name, args, takesMore, flags }: Command, bin: string): string {
  const words = args.map((arg, index) => {
    const more = takesMore && index === args.length - 1 ? '...' : '';
    return arg.isRequired ? `${arg.name}${more}` : `[${arg.name}${more}]`;
  });
  const needed = flags.filter(({ isRequired }) => isRequired).map((flag) => `--${flag.name} ${flag.value}`);
  return [bin, name, ...words, ...needed, '[OPTIONS]'].join(' ');
}

/** Further facts about a flag besides its summary. */
export function notesOf({ options, default: defaultValue, env, isMultiple, isRequired }: Flag): string[] {
  return [
    ...(isRequired ? ['Required.'] : []),
    ...(options ? [`One of: ${options.join(', ')}.`] : []),
    ...(isMultiple ? ['May be given more than once.'] : []),
    ...(defaultValue === undefined ? [] : [`Default: ${defaultValue}.`]),
    ...(env === undefined ? [] : [`From the environment: ${env}.`]),
  ];
}
