/** Python's reader of TOML is not ours. */
import { expect, test } from 'vitest';
import { run } from '../../../src/lib/host/exec.ts';
import { recordReasons } from '../../../src/stages/install/dnf-state.ts';

test('it is TOML, whatever a package is called', async () => {
  const odd = ['a"b', 'c\\d', 'é+ü', 'f.g'].map((name) => ({
    name,
    version: '1',
    release: '2',
    arch: 'x86_64',
    nevra: `${name}-1-2.x86_64`,
    provides: [],
    files: [],
  }));
  const content = recordReasons('', {
    words: odd.map(({ name }) => name),
    packages: odd,
    retained: [],
    removed: [],
  });
  const script = 'import json, sys, tomllib; print(json.dumps(tomllib.loads(sys.stdin.read())))';
  const { stdout } = await run('python3', ['-c', script], { input: content });
  expect(JSON.parse(stdout)).toEqual({
    version: '1.0',
    packages: Object.fromEntries(odd.map(({ name }) => [`${name}.x86_64`, { reason: 'User' }])),
  });
  expect(recordReasons(content, { words: [], packages: [], retained: [], removed: [] })).toBe(content);
});
