/**
 * npm run demo: three images from a real RPM set, released through the queue; then a night, in which one package is updated
 * and two of the images follow. Shows the CLI as a user would run it.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, checkout, demoRecipes, lockDemo } from '../../helpers/demo-recipes.ts';
import { RegistryServer } from '../../helpers/registry/registry-server.ts';
import { shellWords } from '../../helpers/shell-words.ts';
import { copyRepository, updatedPackage, updatePackage } from './update.ts';

const state = process.env['MILLINER_STATE'] ?? join(cache, 'state');
/** Made anew by every run: the passphrase is nowhere but in this process, and the key of no further use. */
const shop = join(cache, 'shop');
const key = join(shop, 'demo');
const site = join(cache, 'site');
const password = randomBytes(24).toString('base64');

function run(program: string, args: string[]): string {
  process.stderr.write(`+ ${program} ${args.join(' ')}\n`);
  const { status, stdout } = spawnSync(program, args, {
    cwd: checkout,
    env: { ...process.env, MILLINER_KEY_PASSWORD: password },
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} exited ${status}\n${stdout.toString()}`);
  return stdout.toString();
}

const milliner = (...args: string[]) => run('node', ['dist/cli.js', ...args, '--state', state]);
const inJson = (...args: string[]): unknown => JSON.parse(milliner(...args, '--json'));

interface Image {
  manifestDigest: string;
  packages: number;
  readySeconds: number;
}

interface Night {
  report: { images: { recipe: string; outcome: string; reasons: { from?: string; to?: string }[] }[] };
}

interface Released {
  releases: {
    recipe: string;
    queued: string;
    finished: string;
    stages: { stage: string; started: string; finished: string }[];
    report: { images: Image[] };
  }[];
}

run('node', ['spec/repository.ts']);
lockDemo(state);
rmSync(shop, { recursive: true, force: true });
const registry = await RegistryServer.start({ directory: join(shop, 'registry') });
const referenceOf = (name: string) => `${registry.host}/${name}:latest`;
let released: Released['releases'];
let night: Night;
try {
  milliner('key', 'generate', '--out', key);
  const to = ['--to', referenceOf('{{name}}'), '--key', `${key}.key`];
  ({ releases: released } = inJson('release', ...demoRecipes, ...to) as Released);
  for (const name of demoRecipes) inJson('verify', referenceOf(name), '--key', `${key}.pub`);
  const repositories = demoRecipes.flatMap((name) => ['--to', `${registry.host}/${name}`]);
  night = await runNight();
  milliner('site', '--out', site, '--key', `${key}.pub`, '--advisories');
  milliner('policy', '--key', `${key}.pub`, ...repositories, '--out', join(shop, 'policy'));
} finally {
  await registry.kill('SIGTERM');
}
summarise();

/** In a copy of recipes and repository, so that the demo can be run again. */
async function runNight(): Promise<Night> {
  for (const folder of ['recipes', 'templates'])
    cpSync(join(checkout, folder), join(shop, folder), { recursive: true });
  const repository = join(shop, '.cache/repository');
  copyRepository(join(cache, 'repository'), repository);
  const set = join(shop, 'recipes/milliner.yaml');
  const publish = { to: [`${registry.host}/{{name}}`], tags: ['latest'] };
  writeFileSync(set, JSON.stringify({ name: 'demo', recipes: demoRecipes, publish, key: '../demo.key' }));
  await updatePackage(repository);
  const made = inJson('nightly', set) as Night;
  const followed = made.report.images.filter(({ outcome }) => outcome === 'published').length;
  if (followed !== 2) throw new Error(`${followed} images followed the update of ${updatedPackage}, not two`);
  return made;
}

function summarise(): void {
  const seconds = (from: string, to: string) => ((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1);
  const lines = released.map(({ recipe, stages, report }) => {
    const { packages, readySeconds, manifestDigest } = report.images[0]!;
    const times = stages.map(({ stage, started, finished }) => `${stage} ${seconds(started, finished)}`);
    return `${recipe.padEnd(13)} ${String(packages).padStart(4)} packages, ready in ${readySeconds.toFixed(1)} s; seconds: ${times.join(', ')}  ${manifestDigest}`;
  });
  const nightLines = night.report.images.map(({ recipe, outcome, reasons }) => {
    const moves = reasons.flatMap(({ from, to }) =>
      from === undefined || to === undefined ? [] : `${from} -> ${to}`,
    );
    return `${recipe.padEnd(13)} ${outcome}${moves.length > 0 ? `: ${moves.join(', ')}` : ''}`;
  });
  const reference = referenceOf('demo-mariadb');
  const word = (path: string) => shellWords([path]);
  const [policy, attachments] = ['policy.json', 'registries.d'].map((name) =>
    word(join(shop, 'policy', name)),
  );
  const publicKey = word(`${key}.pub`);
  process.stdout.write(`
${lines.join('\n')}

Then a night, after an update of ${updatedPackage} in a copy of the repository:
${nightLines.join('\n')}

Each is booted, signed and published, bases first. With the registry started again, anyone can check that:
  docker-registry serve ${word(registry.configuration)} &
  npm run -s milliner -- verify ${reference} --key ${publicKey}
  # Debian 13's or Fedora's skopeo; Debian 12's is built without sigstore
  skopeo --policy ${policy} --registries.d ${attachments} copy --src-tls-verify=false docker://${reference} ${word(`oci:${cache}/copied:latest`)}
  cosign verify --key ${publicKey} --insecure-ignore-tlog=true --allow-http-registry ${reference}

and read about them in a browser:
  ${word(join(site, 'index.html'))}

and run them:
  npm run -s milliner -- run demo-mariadb --instances 2 --publish 3306 --detach --state ${word(state)}
  npm run -s milliner -- ps --state ${word(state)}
  npm run -s milliner -- stop --all --state ${word(state)}
  podman run --systemd=always --tls-verify=false ${reference}
`);
}
