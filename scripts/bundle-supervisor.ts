/**
 * Makes one file of the supervisor of instances, dist/supervisor.js, run by the build behind bundle-dependencies.ts: of the time
 * until an instance of `run --detach` answers, half would go into finding and linking two hundred modules.
 */
import { globSync, rmSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { checkout } from './command-model.ts';

const dist = join(checkout, 'dist');
const name = 'supervisor';

/** Modules look for files from where they are, and the bundle lies elsewhere: beside the folders. */
function withPlaces(code: string, id: string): string | undefined {
  if (!id.startsWith(`${dist}/`) || id.includes('/dependencies/') || !code.includes('import.meta.'))
    return undefined;
  const from = (path: string) => JSON.stringify(`/${relative(dist, path)}`);
  return code
    .replaceAll('import.meta.dirname', `(import.meta.dirname + ${from(dirname(id))})`)
    .replaceAll('import.meta.filename', `(import.meta.dirname + ${from(id)})`)
    .replaceAll('import.meta.url', `new URL(${JSON.stringify(relative(dist, id))}, import.meta.url).href`);
}

const bundle = await rolldown({
  input: { [name]: join(dist, `${name}.js`) },
  cwd: checkout,
  platform: 'node',
  external: [/^node:/, /\.node$/],
  plugins: [{ name: 'places', transform: withPlaces }],
});
for (const path of globSync(`${name}-*.js`, { cwd: dist })) rmSync(join(dist, path));
await bundle.write({
  dir: dist,
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: `${name}-[name].js`,
});
