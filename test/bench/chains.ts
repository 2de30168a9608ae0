/**
 * A night of twenty recipes in chains two deep, after one library has changed that all of them have: locked, built,
 * booted, signed and published; beside dnf and buildah, which build and push each. Both wait for one registry.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { readFileSync, writeFileSync } from 'node:fs';
import { outcomes } from '../integration/nightly/night-scene.ts';
import type { Night } from '../../src/nightly/run-night.ts';
import { createRepodata } from '../../spec/repodata.ts';
import { cache } from '../helpers/demo-recipes.ts';
import { cli } from '../helpers/milliner.ts';
import { Bench as Publishing, password, runsToItsEnd } from '../helpers/publish-fixture.ts';
import type { Bench } from './case.ts';
import { dnfCommand, type DnfRepository } from './dnf-command.ts';
import { buildahIn } from './image-peers.ts';
import { rebuiltPackages, repositoryOf } from './rebuilt.ts';
import { script, usageOf, type Usage } from './usage.ts';

const runs = 2;
const library = 'zlib';
const common = ['base-files', 'bash', 'coreutils', 'zlib1g'];
const bases: Record<string, string[]> = {
  small: [],
  tls: ['ca-certificates', 'curl', 'openssl'],
  perl: ['perl'],
  python: ['python3'],
};
const products = ['file', 'less', 'logrotate', 'vim-tiny'];

interface Recipe {
  name: string;
  from?: string;
  packages: string[];
}

const recipes: Recipe[] = Object.entries(bases).flatMap(([name, more]) => [
  { name, packages: [...common, ...more] },
  ...products.map((one) => ({ name: `${name}-${one}`, from: name, packages: [one] })),
]);

export async function chainCases(): Promise<Bench> {
  const nights = new ChainNights(await Publishing.open());
  await nights.prepare();
  return {
    cases: [
      {
        bench: 'chains',
        case: `a night of ${recipes.length} recipes, one library changed, beside dnf and buildah for each`,
        unit: 's',
        target: undefined,
        runs,
        seconds: { ours: 180, peer: 60 },
        ours: () => nights.ours(),
        peer: () => nights.peer(),
      },
    ],
    close: () => nights.close(),
  };
}

class ChainNights {
  readonly #publishing: Publishing;
  readonly #repositories: DnfRepository[];
  readonly #set: string;
  #night = 0;
  #peers = 0;

  constructor(publishing: Publishing) {
    const { desk } = publishing;
    const demo = join(cache, 'repository');
    this.#publishing = publishing;
    this.#set = join(desk.recipes, 'milliner.yaml');
    this.#repositories = [
      { name: 'changed', baseurl: desk.path('changed'), priority: 1 },
      {
        name: 'demo',
        baseurl: join(demo, 'packages'),
        key: join(demo, 'keys/RPM-GPG-KEY-milliner-demo'),
      },
    ];
  }

  /** The night before, in which all images are new. */
  async prepare(): Promise<void> {
    const { desk, server } = this.#publishing;
    await mkdir(desk.path('changed'));
    await createRepodata(desk.path('changed'));
    const repos = this.#repositories.map(({ key, ...one }) =>
      key === undefined ? { ...one, gpgcheck: false } : { ...one, keys: [key] },
    );
    for (const { name, ...fields } of recipes) await desk.recipe(name, { repos, ...fields, ...runsToItsEnd });
    const publish = { to: [`${server.host}/{{name}}`], tags: ['1'] };
    const set = { name: 'night', key: '../release.key', recipes: recipes.map(({ name }) => name), publish };
    writeFileSync(this.#set, stringify(set));
    await this.#publishing.run(['nightly', this.#set]);
  }

  async ours(): Promise<Usage> {
    const night = ++this.#night;
    const [changed] = await rebuiltPackages([{ night, sources: [library] }]);
    await repositoryOf(changed!.rpms, this.#publishing.desk.path('changed'));
    const report = this.#publishing.desk.path('report');
    const environment = [
      `MILLINER_STATE=${this.#publishing.desk.state}`,
      `MILLINER_KEY_PASSWORD=${password}`,
    ];
    const nightly = ['env', ...environment, process.execPath, cli, 'nightly', this.#set, '--json'];
    const used = await usageOf(script('exec >"$1"; shift; exec "$@"', report, ...nightly));
    const found = Object.values(outcomes(JSON.parse(readFileSync(report, 'utf8')) as Night));
    if (found.some((outcome) => outcome !== 'published')) throw new Error(`a night gave ${found.join(', ')}`);
    return used;
  }

  async peer(): Promise<Usage> {
    const place = this.#publishing.desk.path(`peer-${this.#peers++}`);
    const lines = recipes.map((recipe) => this.#buildahLines(recipe, place));
    return usageOf(script([...lines, `${buildahIn(place)} umount --all`].join('\n')));
  }

  #buildahLines({ name, from = 'scratch', packages }: Recipe, place: string): string {
    const buildah = buildahIn(place);
    const to = `docker://${this.#publishing.server.host}/peer-${name}:1`;
    const setting = { repositories: this.#repositories, cache: join(place, 'dnf-cache'), names: packages };
    return [
      `container=$(${buildah} from ${from})`,
      `tree=$(${buildah} mount "$container")`,
      dnfCommand('"$tree"', setting),
      `${buildah} config --cmd /usr/bin/true "$container"`,
      `${buildah} commit -q "$container" ${name}`,
      `${buildah} push -q --tls-verify=false --compression-format zstd --compression-level 3 ${name} ${to}`,
    ].join('\n');
  }

  close(): Promise<void> {
    return this.#publishing.close();
  }
}
