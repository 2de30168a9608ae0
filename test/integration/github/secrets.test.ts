/** No token is in an output, an argument of a process or a file, also where GitHub sends it back in every answer. */
import { globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GithubStandIn, type Fault } from '../../helpers/github/stand-in.ts';
import { Desk } from '../../helpers/milliner.ts';

let desk: Desk;
let standIn: GithubStandIn;
let set: string;
beforeAll(async () => {
  desk = await Desk.open();
  standIn = await GithubStandIn.start();
  mkdirSync(desk.path('.git'));
  standIn.state.push({ 'README.md': 'hats\n' });
  await desk.tiny('small', ['tiny-base']);
  set = desk.path('recipes/milliner.yaml');
  const github = { repository: standIn.repository, url: standIn.url };
  await writeFile(set, JSON.stringify({ name: 'night', key: 'none.key', recipes: ['small'], github }));
});
afterAll(async () => {
  expect(standIn.violations).toEqual([]);
  await standIn.close();
  await desk.remove();
});

const processes = () =>
  globSync('/proc/[0-9]*/cmdline').flatMap((path) => {
    try {
      return readFileSync(path, 'latin1');
    } catch {
      // It has ended.
      return [];
    }
  });

/** Everything but the file that the operator keeps the token in. */
function files(): string {
  const all = globSync('**/*', { cwd: desk.directory }).filter((path) => !path.endsWith('.secret'));
  const paths = all.map((path) => join(desk.directory, path));
  return paths.map((path) => (statSync(path).isFile() ? readFileSync(path, 'latin1') : '')).join('\n');
}

const echo = (status: number): Fault => ({ on: 'GET', status, echo: true, times: 99 });
const runs: [string, string[], Fault | undefined, number][] = [
  ['pull requests', ['github', 'pulls'], undefined, 0],
  ['a check that finds all', ['github', 'check'], undefined, 0],
  ['401 with an echo', ['github', 'pulls', '--debug'], echo(401), 20],
  ['403 with an echo, as JSON', ['github', 'check', '--json'], echo(403), 20],
  ['422 with an echo', ['github', 'pulls', '--debug'], echo(422), 20],
];
test.each(runs)('%s', { timeout: 120_000 }, async (_name, words, fault, code) => {
  const token = standIn.addToken();
  const tokenFile = desk.path(`${token.slice(-6)}.secret`);
  await writeFile(tokenFile, token, { mode: 0o600 });
  if (fault) standIn.fail(fault);
  const [topic, command, ...flags] = words as [string, string];
  const running = desk.start([topic, command, set, '--token-file', tokenFile, ...flags]);
  const seen = new Set<string>();
  const watch = setInterval(() => processes().forEach((line) => seen.add(line)), 20);
  const { exitCode, stdout, stderr } = await running;
  clearInterval(watch);
  standIn.faults.clear();
  expect(exitCode).toBe(code);
  expect(standIn.requests.some(({ authorization }) => authorization.endsWith(token))).toBe(true);
  expect([...seen].some((line) => line.includes(command))).toBe(true);
  for (const text of [stdout, stderr, ...seen, files()]) expect(text.includes(token)).toBe(false);
});
