/** npm run demo: three images from a real RPM set, booted, signed and published. Shows the CLI as a user would run it. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { RegistryServer } from '../registry/server.ts';
import { cache, checkout, demoRecipes, lockDemo } from './recipes.ts';

const layout = join(cache, 'demo');
const state = process.env['MILLINER_STATE'] ?? join(cache, 'state');
/** Made anew by every run: the passphrase is nowhere but in this process, and the key of no further use. */
const shop = join(cache, 'shop');
const key = join(shop, 'demo');
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

interface Built {
  name: string;
  manifestDigest: string;
  packages: number;
  layers: { size: number }[];
  seconds: number;
}

interface Booted {
  readySeconds: number;
  peakMemory: number;
  instances: object[];
}

run('node', ['spec/repository.ts']);
lockDemo(state);
const images = demoRecipes.map((recipe) => {
  const built = inJson('build', recipe, '--output', layout) as Built;
  return { ...built, booted: inJson('boot', recipe) as Booted };
});
rmSync(shop, { recursive: true, force: true });
const registry = await RegistryServer.start({ directory: join(shop, 'registry') });
const referenceOf = (name: string) => `${registry.host}/${name}:latest`;
try {
  milliner('key', 'generate', '--out', key);
  for (const { name } of images) {
    inJson('publish', name, '--to', referenceOf(name), '--key', `${key}.key`);
    inJson('verify', referenceOf(name), '--key', `${key}.pub`);
  }
  const repositories = images.flatMap(({ name }) => ['--to', `${registry.host}/${name}`]);
  milliner('policy', '--key', `${key}.pub`, ...repositories, '--out', join(shop, 'policy'));
} finally {
  await registry.kill('SIGTERM');
}
summarise();

function summarise(): void {
  const lines = images.map(({ name, manifestDigest, packages, layers, seconds, booted }) => {
    const size = layers.reduce((sum, layer) => sum + layer.size, 0) / 1e6;
    const ready = `${booted.instances.length} ready in ${booted.readySeconds.toFixed(1)} s, ${(booted.peakMemory / 1e6).toFixed(0)} MB`;
    return `${name.padEnd(13)} ${String(packages).padStart(4)} packages ${size.toFixed(1).padStart(5)} MB, built in ${seconds.toFixed(1)} s, ${ready}  ${manifestDigest}`;
  });
  const reference = referenceOf('demo-mariadb');
  process.stdout.write(`
${lines.join('\n')}

They are booted, signed and published. With the registry started again, anyone can check that:
  docker-registry serve ${registry.configuration} &
  npm run -s milliner -- verify ${reference} --key ${key}.pub
  # Debian 13's or Fedora's skopeo; Debian 12's is built without sigstore
  skopeo --policy ${shop}/policy/policy.json --registries.d ${shop}/policy/registries.d copy --src-tls-verify=false docker://${reference} oci:${cache}/copied:latest
  cosign verify --key ${key}.pub --insecure-ignore-tlog=true --allow-http-registry ${reference}

and run them:
  npm run -s milliner -- run demo-mariadb --instances 2 --publish 3306 --detach --state ${state}
  npm run -s milliner -- ps --state ${state}
  npm run -s milliner -- stop --all --state ${state}
  podman run --systemd=always --tls-verify=false ${reference}
`);
}
