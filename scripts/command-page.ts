/** Pages of docs/commands, one for each command, and their list. */
import { escape, sentence, sentences } from './markdown.ts';
import { notesOf, synopsisOf, type Command, type CommandLine, type Flag } from './command-model.ts';

const note = 'Generated from the command line by `npm run build`; do not edit.';

export function commandPageOf(command: Command, { name }: CommandLine): string {
  const { summary, description, args, flags, examples } = command;
  const own = flags.filter(({ isGlobal }) => !isGlobal);
  const shared = flags.filter(({ isGlobal }) => isGlobal);
  return [
    `# ${name} ${command.name}`,
    `<!-- ${note} -->`,
    sentence(summary),
    block([synopsisOf(command, name)]),
    ...description.map(sentences),
    ...(args.length > 0 ? ['## Arguments', args.map((arg) => item(arg.name, arg.summary)).join('\n')] : []),
    ...(own.length > 0 ? ['## Options', own.map(flagItem).join('\n')] : []),
    ...(shared.length > 0 ? ['## Common options', shared.map(flagItem).join('\n')] : []),
    ...(examples.length > 0 ? ['## Examples', block(examples)] : []),
    '',
  ].join('\n\n');
}

export function commandListOf({ name, commands, topics }: CommandLine): string {
  const link = (one: Command) => `- [\`${name} ${one.name}\`](${fileOf(one.name)}): ${escape(one.summary)}`;
  return [
    '# Commands',
    `<!-- ${note} -->`,
    commands.map(link).join('\n'),
    '## Topics',
    topics.map((topic) => item(topic.name, topic.summary)).join('\n'),
    '',
  ].join('\n\n');
}

export const fileOf = (command: string): string => `${command.replaceAll(' ', '-')}.md`;

const block = (lines: string[]): string => ['```text', ...lines, '```'].join('\n');
const item = (what: string, text: string): string => `- \`${what}\`: ${escape(text)}`;

function flagItem(flag: Flag): string {
  const names = [...(flag.char ? [`-${flag.char}`] : []), `--${flag.name}`].join(', ');
  const words = [flag.summary, ...notesOf(flag)].join('. ').replaceAll('..', '.');
  return `- \`${names}${flag.value === undefined ? '' : ` ${flag.value}`}\`: ${escape(words)}`;
}
