/** npm run demo: three images from a real RPM set, and what they are. Shows the CLI as a user would run it. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { cache, checkout, demoRecipes, lockDemo } from './recipes.ts';

const layout = join(cache, 'demo');
const state = process.env['MILLINER_STATE'] ?? join(cache, 'state');

function run(program: string, args: string[]): string {
  process.stderr.write(`+ ${program} ${args.join(' ')}\n`);
  const { status, stdout } = spawnSync(program, args, {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  if (status !== 0) {
    process.stderr.write(stdout);
    process.exit(status ?? 1);
  }
  return stdout.toString();
}

const milliner = (...args: string[]) => run('node', ['dist/cli.js', ...args, '--state', state]);

interface Built {
  name: string;
  manifestDigest: string;
  packages: number;
  layers: { size: number }[];
  seconds: number;
}

run('node', ['spec/repository.ts']);
lockDemo(state);
const built = demoRecipes.map(
  (recipe) => JSON.parse(milliner('build', recipe, '--output', layout, '--json')) as Built,
);
summarise(built);

function summarise(images: Built[]): void {
  const lines = images.map(({ name, manifestDigest, packages, layers, seconds }) => {
    const size = layers.reduce((sum, layer) => sum + layer.size, 0) / 1e6;
    return `${name.padEnd(14)} ${String(packages).padStart(4)} packages  ${layers.length} layers  ${size.toFixed(1).padStart(6)} MB  ${seconds.toFixed(1).padStart(5)} s  ${manifestDigest}`;
  });
  process.stdout.write(`
${lines.join('\n')}

Look at them:
  npm run -s milliner -- inspect demo-product --state ${state}
  skopeo inspect oci:${layout}:demo-product
  buildah from oci:${layout}:demo-mariadb
`);
}
