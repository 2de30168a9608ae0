/** Pages and completions come of the command line as it is, and their readers take them: man, bash, zsh and fish. */
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { documents, shared } from '../../../scripts/manual.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { checkout } from '../../helpers/demo-recipes.ts';

let place: string;
const files = new Map<string, string>();
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'milliner-manual-'));
  for (const [path, text] of shared()) {
    files.set(path, join(place, path.replaceAll('/', '-')));
    await writeFile(files.get(path)!, text);
  }
});
afterAll(() => rm(place, { recursive: true }));

test('the pages of the docs are what the build makes of the command line and the table of errors', async () => {
  const made = documents();
  for (const [path, text] of made) expect(readFileSync(join(checkout, path), 'utf8'), path).toBe(text);
  const there = (await readdir(join(checkout, 'docs/commands'))).map((name) => `docs/commands/${name}`);
  expect(there.toSorted()).toEqual(
    [...made.keys()].filter((path) => path.startsWith('docs/commands/')).toSorted(),
  );
});

test('man shows every page, and has nothing to remark', async () => {
  const pages = [...files].filter(([path]) => path.startsWith('man/'));
  for (const [path, file] of pages) {
    const { stdout, stderr } = await run('man', ['--warnings=all', '-l', file], { env: { MANWIDTH: '80' } });
    expect({ path, stderr }).toEqual({ path, stderr: '' });
    expect(stdout).toContain('SYNOPSIS');
  }
  const build = files.get('man/man1/milliner-build.1')!;
  const { stdout } = await run('man', ['-l', build], { env: { MANWIDTH: '200' } });
  expect(stdout).toContain('milliner build RECIPE [OPTIONS]');
  expect(stdout).toMatch(/^ +-o, --output OUTPUT$/m);
});

/** What is typed, and what of it must be offered: a command, one of a topic, a flag, a value. */
const typed: [words: string[], offered: string[]][] = [
  [['bui'], ['build']],
  [['queue', 'st'], ['status']],
  [['queue', 'status', '--fin'], ['--finished']],
  [['lock', 'di'], ['diff']],
  [['build', 'demo-base', '--ch'], ['--check']],
  [['build', '--arch', 'aar'], ['aarch64']],
  [
    ['ps', '--storage', ''],
    ['auto', 'dm-thin', 'overlay'],
  ],
];

test.each(typed)('bash completes %j to %j', async (words, offered) => {
  const script = `. "$1"; shift; COMP_WORDS=(milliner "$@"); COMP_CWORD=$#; _milliner; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const file = files.get('bash-completion/completions/milliner')!;
  const { stdout, stderr } = await run('bash', ['-c', script, 'bash', file, ...words]);
  expect({ offered: stdout.trim().split('\n'), stderr }).toEqual({ offered, stderr: '' });
});

test.each(typed)('fish completes %j to %j', async (words, offered) => {
  const file = files.get('fish/vendor_completions.d/milliner.fish')!;
  const script = 'source $argv[1]; complete --do-complete "milliner $argv[2]"';
  const { stdout } = await run('fish', ['--no-config', '-c', script, file, words.join(' ')], {
    env: { HOME: place },
  });
  const lines = stdout.trim().split('\n');
  expect(lines.map((line) => line.split('\t')[0])).toEqual(offered);
});

/** In a terminal of its own: zsh completes where somebody types, and nowhere else. */
const zsh = `
zmodload zsh/zpty
zpty shell zsh -f -i
say() { zpty -w shell "$1"; }
say "PS1= ; unsetopt zle_bracketed_paste; bindkey -e; autoload -U compinit; compinit -u -d $3/.zcompdump; . $1"
say 'compadd() { builtin compadd -A offered "$@"; print -l -- "offered:"$^offered; builtin compadd "$@" }'
say 'print ready'
zpty -r shell line '*ready*'
zpty -w -n shell "milliner $2"$'\\t\\t'
zpty -r shell line '*offered:*'
print -r -- "$line"
zpty -w shell $'\\x15'"print over"
while zpty -r shell line; do print -r -- "$line"; [[ $line == *over* ]] && break; done
zpty -d shell
`;

test.each(typed)('zsh completes %j to %j', async (words, offered) => {
  const file = files.get('zsh/site-functions/_milliner')!;
  const { stdout } = await run('zsh', ['-f', '-c', zsh, 'zsh', file, words.join(' '), place], {
    env: { HOME: place, TERM: 'dumb' },
  });
  for (const word of offered) expect(stdout).toContain(word);
});
