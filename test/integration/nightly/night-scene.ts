/**
 * A release set with everything that a night meets: a repository of real packages for two architectures that this host runs,
 * a registry, a key, and a queue of the state's own.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import type { Night } from '../../../src/nightly/run-night.ts';
import type { NightPlan } from '../../../src/pipeline/night/plan-night.ts';
import type { ImageReport } from '../../../src/stages/report/night-report.ts';
import { composePackage, type ComposedPackage } from '../../helpers/rpm/compose.ts';
import { Bench, runsToItsEnd } from '../../helpers/publish-fixture.ts';

const sceneArches = ['i686', 'x86_64'] as const;
type SceneArch = (typeof sceneArches)[number];
const words: Record<SceneArch, string> = { i686: '32', x86_64: '64' };
const epoch = 1_704_067_200;

export interface Library {
  name: string;
  version: number;
  requires?: string[];
  /** Of its one file. */
  content?: string;
  scriptlets?: ComposedPackage['scriptlets'];
  /** The architecture whose package has the scriptlets; absent for all. */
  scriptletsOn?: SceneArch;
}

export interface NightAdvisory {
  id: string;
  type?: string;
  severity?: string;
  cve?: string;
  /** NAME-VERSION each. */
  packages: string[];
}

export class NightScene {
  readonly bench: Bench;
  readonly arches: readonly SceneArch[];
  readonly #packages: string;

  private constructor(bench: Bench, arches: readonly SceneArch[]) {
    this.bench = bench;
    this.arches = arches;
    this.#packages = bench.desk.path('packages');
  }

  static async open(arches: readonly SceneArch[] = ['x86_64']): Promise<NightScene> {
    const scene = new NightScene(await Bench.open(), arches);
    const sources = join(import.meta.dirname, '../publish');
    for (const arch of arches) {
      const build = {
        spec: join(sources, 'small.spec'),
        sources,
        epoch,
        target: arch,
        defines: { word: words[arch] },
      };
      await withWorkPlace(() => rpmbuild(build, scene.#place(arch)));
    }
    return scene;
  }

  close(): Promise<void> {
    return this.bench.close();
  }

  /** The repository from now on: `small`, and these. */
  async offer(libraries: readonly Library[], advisories: readonly NightAdvisory[] = []): Promise<void> {
    for (const arch of this.arches) {
      const place = this.#place(arch);
      for (const one of libraries) {
        const file = join(place, `${one.name}-${one.version}-1.${arch}.rpm`);
        await writeFile(file, packageOf(one, arch));
      }
      await rm(join(place, 'repodata'), { recursive: true, force: true });
      await run('createrepo_c', ['--quiet', '--update', place]);
      if (advisories.length === 0) continue;
      const path = this.bench.desk.path('updateinfo.xml');
      await writeFile(path, updateinfoOf(advisories, arch));
      await run('modifyrepo_c', [path, join(place, 'repodata')]);
    }
  }

  async recipe(
    name: string,
    packages: readonly string[],
    fields: Record<string, unknown> = {},
  ): Promise<string> {
    const from = 'from' in fields ? [] : ['small'];
    return this.bench.desk.recipe(name, {
      arches: [...this.arches],
      repos: [{ name: 'libs', baseurl: `${this.#packages}/$arch`, gpgcheck: false }],
      packages: [...from, ...packages],
      ...runsToItsEnd,
      ...fields,
    });
  }

  async set(fields: Record<string, unknown>): Promise<void> {
    const publish = { to: [`${this.bench.server.host}/{{name}}`], tags: ['1'] };
    await mkdir(this.bench.desk.recipes, { recursive: true });
    const set = { name: 'night', key: '../release.key', publish, ...fields };
    await writeFile(this.setPath, stringify(set));
  }

  get setPath(): string {
    return join(this.bench.desk.recipes, 'milliner.yaml');
  }

  command(...flags: string[]): string[] {
    return ['nightly', this.setPath, ...flags];
  }

  plan(): Promise<NightPlan> {
    return this.bench.run<NightPlan>(this.command('--dry-run'));
  }

  /** A night that must end well. */
  night(...flags: string[]): Promise<Night> {
    return this.bench.run<Night>(this.command(...flags));
  }

  /** A night of which images failed. */
  async failedNight(...flags: string[]): Promise<Night & { exit: number | undefined; code: string }> {
    const { code, stdout, stderr } = await this.bench.ended([...this.command(...flags), '--json']);
    if (code === 0) throw new Error(`the night ended well: ${stderr}`);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string; details: Night } };
    return { ...error.details, exit: code, code: error.code };
  }

  startNight(...flags: string[]) {
    return this.bench.start([...this.command(...flags), '--json']);
  }

  /** What the tag of a recipe names. */
  tag(recipe: string, tag = '1'): Promise<string | undefined> {
    return this.bench.client().headManifest(recipe, tag);
  }

  async tags(recipes: readonly string[]): Promise<Record<string, string | undefined>> {
    const found: Record<string, string | undefined> = {};
    for (const recipe of recipes) found[recipe] = await this.tag(recipe);
    return found;
  }

  #place(arch: SceneArch): string {
    return join(this.#packages, arch);
  }
}

function packageOf(
  { name, version, requires = [], content, scriptlets = [], scriptletsOn }: Library,
  arch: string,
): Buffer {
  const file = {
    path: `/usr/lib/${name}`,
    mode: fileType.regular | 0o644,
    user: 'root',
    group: 'root',
    content: content ?? `${name} ${version}\n`,
    mtime: 1,
    flags: 0,
    capabilities: '',
  };
  const nothing = { obsoletes: [], epoch };
  return composePackage({
    name,
    version: String(version),
    arch,
    files: [file],
    scriptlets: scriptletsOn === undefined || scriptletsOn === arch ? scriptlets : [],
    requires: ['small', ...requires],
    ...nothing,
  });
}

function updateinfoOf(advisories: readonly NightAdvisory[], arch: string): string {
  const packageText = (one: string) => {
    const [, name, version] = /^(.+)-(\d+)$/.exec(one)!;
    return `<package name="${name}" epoch="0" version="${version}" release="1" arch="${arch}"/>`;
  };
  const all = advisories.map(
    ({ id, type = 'security', severity = 'Important', cve, packages }) =>
      `<update type="${type}"><id>${id}</id><title>${cve ?? id}</title><severity>${severity}</severity>
<pkglist><collection>${packages.map(packageText).join('')}</collection></pkglist></update>`,
  );
  return `<updates>${all.join('')}</updates>`;
}

/** By name of the recipe. */
export function outcomes({ report }: Pick<Night, 'report'>): Record<string, ImageReport['outcome']> {
  return Object.fromEntries(report.images.map(({ recipe, outcome }) => [recipe, outcome]));
}

export function imageOf({ report }: Pick<Night, 'report'>, recipe: string): ImageReport {
  return report.images.find((one) => one.recipe === recipe)!;
}
