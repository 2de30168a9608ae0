/** `milliner key generate`: two files, a password that nobody sees, and no key that is lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readPrivateKey } from '../../../src/stages/sign/key.ts';
import { cli, Desk } from '../../helpers/milliner.ts';
import { shellWords } from '../../helpers/shell-words.ts';

let desk: Desk;
beforeEach(async () => {
  desk = await Desk.open();
});
afterEach(() => desk.remove());

const withPassword = { wrapper: ['env', 'MILLINER_KEY_PASSWORD=a hat'] };
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

test('the private key is for its owner, the public one for all, and they are a pair', async () => {
  const prefix = desk.path('keys', 'release');
  await desk.repository('keys', []);
  const ended = await desk.run(['key', 'generate', '--out', prefix, '--json'], withPassword);
  const answer = JSON.parse(ended.stdout) as { privateKey: string; publicKey: string; hint: string };
  expect([answer.privateKey, answer.publicKey]).toEqual([`${prefix}.key`, `${prefix}.pub`]);
  expect(await modeOf(`${prefix}.key`)).toBe('600');
  expect(await modeOf(`${prefix}.pub`)).toBe('644');
  const key = await readPrivateKey(await readFile(`${prefix}.key`, 'utf8'), 'a hat');
  expect(key.public.pem).toBe(await readFile(`${prefix}.pub`, 'utf8'));
  expect(key.public.hint).toBe(answer.hint);
  expect(ended.stdout + ended.stderr).not.toContain('a hat');
});

test.each(['key', 'pub'])('a file .%s that is there stays as it is', async (suffix) => {
  const prefix = desk.path('release');
  await writeFile(`${prefix}.${suffix}`, 'in use');
  const { code, exit } = await desk.fails(['key', 'generate', '--out', prefix], withPassword);
  expect([code, exit]).toEqual(['OUTPUT_UNUSABLE', 3]);
  expect(await readFile(`${prefix}.${suffix}`, 'utf8')).toBe('in use');
  const other = suffix === 'key' ? 'pub' : 'key';
  await expect(stat(`${prefix}.${other}`)).rejects.toThrow();
});

test('without a password and a terminal it says what to set', async () => {
  const { code, exit, hint } = await desk.fails(['key', 'generate', '--out', desk.path('release')]);
  expect([code, exit]).toEqual(['PASSWORD_MISSING', 3]);
  expect(hint).toContain('MILLINER_KEY_PASSWORD');
});

test('a directory that is not there is made, for its owner alone', async () => {
  const out = desk.path('keys', 'release');
  expect((await desk.run(['key', 'generate', '--out', out], withPassword)).code).toBe(0);
  expect((await stat(desk.path('keys'))).mode & 0o777).toBe(0o700);
});

test('an empty password in the environment is none', async () => {
  const wrapper = ['env', 'MILLINER_KEY_PASSWORD='];
  const { code, exit } = await desk.fails(['key', 'generate', '--out', desk.path('release')], { wrapper });
  expect([code, exit]).toEqual(['PASSWORD_MISSING', 3]);
  await expect(stat(desk.path('release.key'))).rejects.toThrow();
});

test.each(['', '.', 'keys/', 'keys/..'])('--out %j names no files', async (out) => {
  const { code, exit } = await desk.fails(['key', 'generate', '--out', out], withPassword);
  expect([code, exit]).toEqual(['USAGE', 2]);
});

test('a place that cannot be written to is said so', async () => {
  await writeFile(desk.path('file'), '');
  const out = desk.path('file', 'release');
  const { code, exit } = await desk.fails(['key', 'generate', '--out', out], withPassword);
  expect([code, exit]).toEqual(['OUTPUT_UNUSABLE', 3]);
});

/** On a terminal of its own, answering each prompt when it comes; gives what the terminal showed. */
async function onTerminal(answers: string[]): Promise<{ shown: string; code: number }> {
  const command = shellWords([process.execPath, cli, 'key', 'generate', '--out', desk.path('release')]);
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    env: { PATH: process.env['PATH'], TERM: 'dumb' },
  });
  let shown = '';
  let asked = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    const prompts = shown.match(/Password for the new key(?: again)?: /g)?.length ?? 0;
    if (prompts > asked) child.stdin.write(answers[asked++] ?? '');
  });
  const [code] = (await once(child, 'close')) as [number];
  return { shown, code };
}

test('on a terminal it asks twice, and shows nothing of the answers', async () => {
  const { shown, code } = await onTerminal(['felt and silk\r', 'felt and silk\r']);
  expect(code).toBe(0);
  expect(shown).not.toMatch(/felt|silk/);
  const key = await readPrivateKey(await readFile(desk.path('release.key'), 'utf8'), 'felt and silk');
  expect(key.public.pem).toBe(await readFile(desk.path('release.pub'), 'utf8'));
});

test.each([
  ['two that differ', ['felt\r', 'silk\r'], 3],
  ['an empty one', ['\r'], 3],
  ['the end of input', ['\u0004'], 3],
  ['an interrupt', ['\u0003'], 130],
])('%s makes no key', async (_name, answers, exit) => {
  const { code, shown } = await onTerminal(answers);
  expect(code, shown).toBe(exit);
  await expect(stat(desk.path('release.key'))).rejects.toThrow();
});
