/** A release set on a repository that a server on loopback has, with all recipes locked. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { NightPlan } from '../../../src/pipeline/night/plan-night.ts';
import type { Lock } from '../../../src/stages/lock/lock-file.ts';
import { fileStates } from '../../helpers/file-states.ts';
import { Desk } from '../../helpers/milliner.ts';
import { Mirror } from '../../helpers/repo/mirror.ts';
import {
  smallRepository,
  type SmallAdvisory,
  type SmallPackage,
} from '../../helpers/repo/small-repository.ts';

export class Scene {
  readonly desk: Desk;
  readonly mirror: Mirror;
  #revision = 1_700_000_000;

  private constructor(desk: Desk, mirror: Mirror) {
    this.desk = desk;
    this.mirror = mirror;
  }

  static async open(packages: readonly SmallPackage[]): Promise<Scene> {
    const scene = new Scene(await Desk.open(), await Mirror.start({}));
    scene.publish(packages);
    return scene;
  }

  async close(): Promise<void> {
    this.mirror.close();
    await this.desk.remove();
  }

  /** A new state of the repository. */
  publish(packages: readonly SmallPackage[], advisories: readonly SmallAdvisory[] = []): void {
    const files = smallRepository(packages, ++this.#revision, advisories);
    for (const [path, bytes] of Object.entries(files)) this.mirror.put({ [`/r/${path}`]: bytes });
  }

  async recipe(name: string, fields: Record<string, unknown>): Promise<void> {
    const repos = [{ name: 'small', baseurl: this.mirror.base, gpgcheck: false }];
    await this.desk.recipe(name, { repos, arches: ['x86_64'], ...fields });
  }

  async set(fields: Record<string, unknown>): Promise<void> {
    await writeFile(this.#set, stringify({ name: 'night', key: 'none.key', ...fields }));
  }

  async lock(...names: string[]): Promise<void> {
    for (const name of names) await this.desk.json(['lock', join(this.desk.recipes, `${name}.yaml`)]);
  }

  /** What the lock of a recipe has for each architecture. */
  async lockOf(name: string): Promise<Lock> {
    return JSON.parse(await readFile(join(this.desk.recipes, `${name}.lock.json`), 'utf8')) as Lock;
  }

  async plan(): Promise<NightPlan> {
    return this.desk.json<NightPlan>(this.command);
  }

  get command(): string[] {
    return ['nightly', this.#set, '--dry-run'];
  }

  get #set(): string {
    return join(this.desk.recipes, 'milliner.yaml');
  }

  /** Every file and directory of the state and of the recipes: what is written has another time, inode or content. */
  files(): Record<string, string> {
    return fileStates(this.desk.directory);
  }
}

export const both = (name: string, version: number, requires: string[] = []): SmallPackage[] =>
  ['aarch64', 'x86_64'].map((arch) => ({ name, version, arch, requires }));

export const one = (name: string, version: number, requires: string[] = []): SmallPackage => ({
  name,
  version,
  arch: 'x86_64',
  requires,
});
