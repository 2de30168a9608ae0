/** Generates manual pages with man(7)'s macros: one for each command, and one for the program. */
import { exitCodes } from '../src/lib/errors/error.ts';
import { spaced } from './markdown.ts';
import { notesOf, synopsisOf, type Command, type CommandLine, type Flag } from './command-model.ts';

export function manPageOf(command: Command, { name, version }: CommandLine): string {
  const { summary, description, args, flags, examples } = command;
  const own = flags.filter(({ isGlobal }) => !isGlobal);
  const shared = flags.filter(({ isGlobal }) => isGlobal);
  return page(pageName(name, command.name), version, [
    section('NAME', `${escape(pageName(name, command.name))} \\- ${escape(summary)}`),
    section('SYNOPSIS', synopsis(command, name)),
    ...(description.length > 0 ? [section('DESCRIPTION', ...paragraphs(description))] : []),
    ...(args.length > 0
      ? [section('ARGUMENTS', ...args.map((arg) => term(italic(arg.name), arg.summary)))]
      : []),
    ...(own.length > 0 ? [section('OPTIONS', ...own.map(option))] : []),
    ...(shared.length > 0 ? [section('COMMON OPTIONS', ...shared.map(option))] : []),
    ...(examples.length > 0
      ? [section('EXAMPLES', '.nf', ...examples.map((text) => line(text)), '.fi')]
      : []),
    section('SEE ALSO', `.BR ${escape(name)} (1)`),
  ]);
}

/** The main page, to which all others refer: commands, exit codes, environment. */
export function mainPageOf(all: CommandLine): string {
  const { name, version, summary, commands } = all;
  const variables = new Map<string, string>();
  for (const { flags } of commands)
    for (const { env, summary: what } of flags) if (env) variables.set(env, what);
  return page(name, version, [
    section('NAME', `${escape(name)} \\- ${escape(summary)}`),
    section('SYNOPSIS', `${bold(name)} ${italic('COMMAND')} [${italic('OPTIONS')}]`),
    section('COMMANDS', ...commands.map((one) => term(bold(one.name), one.summary))),
    section(
      'EXIT STATUS',
      ...Object.entries({ ok: 0, ...exitCodes }).map(([kind, code]) =>
        term(bold(String(code)), spaced(kind)),
      ),
    ),
    section(
      'ENVIRONMENT',
      ...[...variables.keys()].toSorted().map((variable) => term(bold(variable), variables.get(variable)!)),
    ),
    section('SEE ALSO', ...commands.map((one) => `.BR ${escape(pageName(name, one.name))} (1)`)),
  ]);
}

export function pageName(bin: string, command: string): string {
  return `${bin}-${command.replaceAll(' ', '-')}`;
}

function page(title: string, version: string, sections: string[]): string {
  const head = `.TH "${title.toUpperCase()}" 1 "" "Milliner ${version}" "Milliner"`;
  return [head, ...sections, ''].join('\n');
}

const section = (title: string, ...lines: string[]): string => [`.SH ${title}`, ...lines].join('\n');
const paragraphs = (texts: string[]): string[] => texts.flatMap((text) => ['.PP', line(text)]);
const term = (what: string, text: string): string => `.TP\n${what}\n${line(text)}`;
const bold = (text: string): string => `\\fB${escape(text)}\\fR`;
const italic = (text: string): string => `\\fI${escape(text)}\\fR`;

function option(flag: Flag): string {
  const names = [...(flag.char ? [`-${flag.char}`] : []), `--${flag.name}`].map(bold).join(', ');
  const value = flag.value === undefined ? '' : ` ${italic(flag.value)}`;
  return term(`${names}${value}`, [ended(flag.summary), ...notesOf(flag)].join(' '));
}

const ended = (text: string): string => (/[.!?:]$/.test(text) ? text : `${text}.`);

function synopsis(command: Command, bin: string): string {
  const words = synopsisOf(command, bin).split(' ');
  const fixed = 1 + command.name.split(' ').length;
  return [bold(words.slice(0, fixed).join(' ')), ...words.slice(fixed).map(italic)].join(' ');
}

/** A line that begins with a dot or an apostrophe would be a request of troff. */
function line(text: string): string {
  const escaped = escape(text);
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('’', "'");
}
