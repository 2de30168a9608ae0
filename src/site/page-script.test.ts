import { createContext, runInContext } from 'node:vm';
import { expect, test } from 'vitest';
import { rpmvercmp } from '../lib/rpm/version-order.ts';
import { classicScript, dataScript } from './page-script.ts';

test('modules become one script that sees only itself', () => {
  const script = classicScript([
    'lib/rpm/version-order',
    'lib/rpm/package-condition',
    'site/page/find-packages',
  ]);
  const context = createContext({});
  runInContext(script, context);
  expect(Object.keys(context)).toEqual([]);
  // Its last expression is ours: the functions are those of the modules.
  const inside = script.replace(/\}\)\(\);\n$/, 'return { rpmvercmp, findPackages };\n})()');
  const { rpmvercmp: compare } = runInContext(inside, createContext({})) as { rpmvercmp: typeof rpmvercmp };
  for (const [a, b] of [
    ['1.0~rc1', '1.0'],
    ['1.10', '1.9'],
    ['a', '1'],
    ['1^', '1'],
  ] as const)
    expect(compare(a, b)).toBe(rpmvercmp(a, b));
});

test('data keeps its value, whatever is in it', () => {
  const value = ['</script><script>alert(1)</script>', '\u2028', '__proto__', '\u0000'];
  const context = createContext({});
  runInContext(dataScript('a/b', value), context);
  expect(runInContext('JSON.stringify(millinerData["a/b"])', context)).toBe(JSON.stringify(value));
});
