/** A release set in a checkout whose repository is on the stand-in, and the pull requests that a night would ask for. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { connectGithub } from '../../../src/github/connect.ts';
import { updatePulls, type LockPulls } from '../../../src/github/lock-pulls.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { withState } from '../../../src/pipeline/state/context.ts';
import { loadSet } from '../../../src/stages/recipe/load-set.ts';
import { GithubStandIn } from '../../helpers/github/stand-in.ts';
import { unpaced } from '../../helpers/github/unpaced.ts';
import type { SmallPackage } from '../../helpers/repo/small-repository.ts';
import { Scene } from '../night/scene.ts';

export class PullsScene {
  readonly night: Scene;
  standIn: GithubStandIn;

  private constructor(night: Scene, standIn: GithubStandIn) {
    this.night = night;
    this.standIn = standIn;
  }

  static async open(packages: readonly SmallPackage[]): Promise<PullsScene> {
    const scene = new PullsScene(await Scene.open(packages), await GithubStandIn.start());
    mkdirSync(join(scene.night.desk.directory, '.git'));
    return scene;
  }

  /** A repository without pull requests, whose default branch has what the checkout has. */
  async renew(): Promise<void> {
    await this.standIn.close();
    this.standIn = await GithubStandIn.start();
    const { repository, url } = this.standIn;
    await this.night.set({ recipes: ['base', 'product'], github: { repository, url } });
    this.#commit();
  }

  async close(): Promise<void> {
    await this.standIn.close();
    await this.night.close();
  }

  get setPath(): string {
    return join(this.night.desk.recipes, 'milliner.yaml');
  }

  #commit(): void {
    const { directory, recipes } = this.night.desk;
    const names = readdirSync(recipes).filter((name) => /\.(?:yaml|json)$/.test(name));
    const texts = names.map((name) => [
      relative(directory, join(recipes, name)),
      readFileSync(join(recipes, name), 'utf8'),
    ]);
    this.standIn.state.push(Object.fromEntries(texts) as Record<string, string>);
  }

  async pulls(token = this.standIn.addToken()): Promise<LockPulls> {
    const loaded = await loadSet(this.setPath);
    const github = await connectGithub({
      url: this.standIn.url,
      repository: this.standIn.repository,
      credentials: { token },
      progress: silent,
      pace: unpaced,
    });
    const { state } = this.night.desk;
    return withState({ state, storage: 'overlay', progress: silent }, (context) =>
      updatePulls(context, github, loaded, { boot: false }),
    );
  }

  /** What a run does, in short: the outcome of each branch. */
  async outcomes(): Promise<Record<string, string>> {
    const { pulls, failed } = await this.pulls();
    return Object.fromEntries([
      ...pulls.map(({ branch, outcome }) => [branch, outcome] as const),
      ...failed.map(({ kind, recipe, code }) => [`${kind} ${recipe}`, code] as const),
    ]);
  }

  /** Requests of a run that were to change something. */
  async writesOf(run: () => Promise<unknown>): Promise<string[]> {
    const before = this.standIn.writes.length;
    await run();
    return this.standIn.writes.slice(before).map(({ method, path }) => `${method} ${path}`);
  }

  pull(branch: string) {
    return this.standIn.state.pulls.findLast(({ pull }) => pull.head === branch)!;
  }
}
