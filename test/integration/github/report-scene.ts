/** A release set in a checkout, nights that were stored of it, and a stand-in for GitHub that has the checkout's commits. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { connectGithub, type GithubOptions } from '../../../src/github/connect.ts';
import { reportNights, type ReportSettings, type ShownNights } from '../../../src/github/report-nights.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { withState } from '../../../src/pipeline/state/context.ts';
import { rememberNight } from '../../../src/pipeline/state/nights.ts';
import { writeSetMemory, type SetMemory } from '../../../src/pipeline/state/set-memory.ts';
import { loadSet } from '../../../src/stages/recipe/load-set.ts';
import {
  nightReportSchema,
  type NightReport,
  type NightReportInput,
} from '../../../src/stages/report/night-report.ts';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';

export type ImageInput = NightReportInput['images'][number];

const digestOf = (digit: string) => `sha256:${digit.repeat(64)}` as const;

export const published = (recipe: string, digit = '5', fields: Partial<ImageInput> = {}): ImageInput => ({
  recipe,
  arches: ['x86_64'],
  outcome: 'published',
  digest: digestOf(digit),
  references: [`registry.example.com/${recipe}:1`],
  ...fields,
});

export const failed = (recipe: string, code = 'BOOT_FAILED', message = 'a unit failed'): ImageInput => ({
  recipe,
  arches: ['x86_64'],
  outcome: 'failed',
  failure: { stage: 'boot', code, message, hint: 'Read its log.' },
});

function nightOf(day: number, images: readonly ImageInput[]): NightReport {
  const started = `2026-11-${String(day).padStart(2, '0')}T02:00:00Z`;
  return nightReportSchema.parse({ version: 1, set: 'hats', started, finished: started, images });
}

export class ReportScene {
  readonly directory: string;
  readonly standIn: GithubStandIn;
  /** What the run told. */
  readonly told: string[] = [];
  token: string;
  settings: ReportSettings;

  private constructor(directory: string, standIn: GithubStandIn) {
    this.directory = directory;
    this.standIn = standIn;
    this.token = standIn.addToken();
    this.settings = { url: standIn.url, releases: true, statuses: true, issues: true, labels: [] };
  }

  static async open(recipes: readonly string[] = ['base', 'app']): Promise<ReportScene> {
    const scene = new ReportScene(await mkdtemp('/var/tmp/milliner-github-'), await GithubStandIn.start());
    scene.standIn.state.push({ 'README.md': 'hats\n' });
    await scene.#writeSet(recipes);
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(scene.directory, 'release.pub'), publicKey.export({ type: 'spki', format: 'pem' }));
    await scene.git('init', '--quiet', '--initial-branch=main');
    await scene.commit();
    return scene;
  }

  async close(): Promise<void> {
    await this.standIn.close();
    await rm(this.directory, { recursive: true });
  }

  get state(): string {
    return join(this.directory, 'state');
  }

  get setPath(): string {
    return join(this.directory, 'recipes/milliner.yaml');
  }

  async #writeSet(recipes: readonly string[]): Promise<void> {
    await mkdir(join(this.directory, 'recipes'), { recursive: true });
    for (const name of recipes)
      await this.writeRecipe(name, { name, repos: [{ name: 'a', baseurl: 'file:///a' }], packages: ['a'] });
    const publish = { to: ['registry.example.com/{{name}}'], tags: ['1'] };
    await writeFile(this.setPath, stringify({ name: 'hats', key: '../release.key', publish, recipes }));
  }

  async writeRecipe(name: string, recipe: object): Promise<void> {
    const repos = [{ name: 'a', baseurl: 'file:///a', gpgcheck: false }];
    await writeFile(join(this.directory, `recipes/${name}.yaml`), stringify({ ...recipe, repos }));
  }

  async git(...args: string[]): Promise<string> {
    const identity = ['-c', 'user.name=hatter', '-c', 'user.email=hatter@example.com'];
    return (await run('git', [...identity, ...args], { cwd: this.directory })).stdout.trim();
  }

  /** Commits the recipes, and pushes the commit. */
  async commit(isPushed = true): Promise<string> {
    await this.git('add', 'recipes');
    await this.git('commit', '--quiet', '--message', 'recipes');
    const sha = await this.git('rev-parse', 'HEAD');
    if (isPushed) this.pushCommit(sha);
    return sha;
  }

  pushCommit(sha: string): void {
    const { git, refs, defaultBranch } = this.standIn.state;
    git.commits.set(sha, { ...git.commits.get(refs.get(`heads/${defaultBranch}`)!)!, sha });
  }

  /** Stores the report of a night. */
  async night(day: number, images: readonly ImageInput[]): Promise<void> {
    await rememberNight(this.state, nightOf(day, images));
  }

  /** The report of a night that stored none. */
  idleNight(day: number, recipes: readonly string[]): NightReport {
    return nightOf(
      day,
      recipes.map((recipe) => ({ recipe, arches: ['x86_64'], outcome: 'unchanged' })),
    );
  }

  /** What the state knows of the tags of recipes. */
  async remember(digits: Record<string, string>): Promise<void> {
    const members = Object.entries(digits).map(([recipe, digit]) => {
      const digest = digestOf(digit);
      return [recipe, { published: { lock: digest, digest, content: digest, target: digest, stated: 1 } }];
    });
    await writeSetMemory(this.state, 'hats', Object.fromEntries(members) as SetMemory);
  }

  async report(options: Partial<GithubOptions> = {}, idle?: NightReport): Promise<ShownNights> {
    const warn = (text: string) => void this.told.push(text);
    const progress = { step: warn, update() {}, warn };
    const { signal } = options;
    const runOptions = { state: this.state, storage: 'overlay' as const, progress, signal };
    const github = await connectGithub({
      url: this.standIn.url,
      repository: this.standIn.repository,
      credentials: { token: this.token },
      progress,
      pace: unpaced,
      ...options,
    });
    const { settings } = this;
    const loaded = await loadSet(this.setPath);
    return withState(runOptions, (context) => reportNights(context, loaded, github, { settings, idle }));
  }

  /** As a state that was made anew; the nights are still there. */
  async forget(): Promise<void> {
    await rm(join(this.state, 'github'), { recursive: true });
  }

  /** `METHOD PATH` of each request that was to change something since the last call. */
  newWrites(): string[] {
    const { writes } = this.standIn;
    const fresh = writes.slice(this.#seen);
    this.#seen = writes.length;
    return fresh.map(({ method, path }) => `${method} ${path.replaceAll(/\d{4,}|[0-9a-f]{40}/g, 'N')}`);
  }

  #seen = 0;
}
