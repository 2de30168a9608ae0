/** Conditions on packages against rpm's own comparison, and against its dependencies where all is given. */
import { expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { meetsCondition } from '../../../src/lib/rpm/package-condition.ts';
import { parseCondition } from '../../../src/lib/rpm/parse-condition.ts';
import { generator, pick } from '../../helpers/random.ts';
import { soak, today } from '../../helpers/soak.ts';

const pieces = ['0', '1', '2', '10', '09', 'a', 'b', 'rc1', 'git', '.', '_', '+', '~', '^'];

function versions(count: number): [string, string][] {
  const random = generator(today);
  const word = () => Array.from({ length: 1 + random(5) }, () => pick(random, pieces)).join('');
  const evr = () => `${random(3)}:${word()}-${word()}`;
  return Array.from({ length: count }, () => {
    const one = evr();
    return [one, random(8) === 0 ? one : evr()];
  });
}

/** -1, 0 or 1 for each pair, in one run of rpm. */
async function compareWithRpm(pairs: readonly [string, string][]): Promise<number[]> {
  const calls = pairs.map(([a, b]) => `print(rpm.vercmp("${a}", "${b}") .. " ")`).join(' ');
  const { stdout } = await run('rpm', ['--eval', `%{lua: ${calls}}`]);
  return stdout.trim().split(/\s+/).map(Number);
}

test('every operator says what rpm says of random versions', async () => {
  const pairs = versions(soak ? 20_000 : 500);
  const signs: number[] = [];
  for (let at = 0; at < pairs.length; at += 500)
    signs.push(...(await compareWithRpm(pairs.slice(at, at + 500))));
  expect(signs).toHaveLength(pairs.length);
  for (const [index, [a, b]] of pairs.entries()) {
    const [, epoch, version, release] = /^(\d+):(.+)-(.+)$/.exec(a)!;
    const one = { name: 'x', epoch: Number(epoch), version: version!, release: release!, arch: 'noarch' };
    const meets = (operator: string) => meetsCondition(one, parseCondition(`x ${operator} ${b}`));
    const found = [meets('<'), meets('='), meets('>'), meets('<='), meets('>=')];
    const sign = signs[index]!;
    expect([a, b, found]).toEqual([a, b, [sign < 0, sign === 0, sign > 0, sign <= 0, sign >= 0]]);
  }
});
