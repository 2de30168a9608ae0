/** What a repository on the stand-in holds. */
import { GitObjects } from './git-objects.ts';

export interface Label {
  id: number;
  name: string;
  color: string;
  description: string;
}

/** Issues and pull requests have one row of numbers. */
export interface Issue {
  number: number;
  title: string;
  body: string;
  state: 'open' | 'closed';
  stateReason: string | null;
  labels: string[];
  author: string;
  comments: string[];
  pull?: Pull;
}

export interface Pull {
  /** A branch of this repository. */
  head: string;
  headSha: string;
  base: string;
  merged: boolean;
  mergeSha: string | null;
  autoMerge: boolean;
}

export interface CheckRun {
  id: number;
  name: string;
  headSha: string;
  externalId: string;
  status: string;
  conclusion: string | null;
  output: { title: string | null; summary: string | null; text: string | null };
  detailsUrl: string | null;
}

export interface Status {
  id: number;
  sha: string;
  state: string;
  context: string;
  description: string | null;
  targetUrl: string | null;
}

export interface Asset {
  id: number;
  name: string;
  contentType: string;
  content: Buffer;
}

export interface Release {
  id: number;
  tag: string;
  target: string;
  name: string;
  body: string;
  draft: boolean;
  prerelease: boolean;
  assets: Asset[];
}

export class RepositoryState {
  readonly owner: string;
  readonly name: string;
  defaultBranch = 'main';
  readonly git = new GitObjects();
  /** By name below refs/, such as heads/main. */
  readonly refs = new Map<string, string>();
  readonly labels: Label[] = [];
  readonly issues: Issue[] = [];
  readonly checkRuns: CheckRun[] = [];
  readonly statuses: Status[] = [];
  readonly releases: Release[] = [];
  #ids = 1000;

  constructor(fullName: string) {
    [this.owner, this.name] = fullName.split('/') as [string, string];
  }

  nextId(): number {
    return (this.#ids += 1);
  }

  /** A commit of files on a branch, as somebody pushes it. */
  push(files: Record<string, string | null>, branch = this.defaultBranch): string {
    const parent = this.refs.get(`heads/${branch}`);
    const changes = Object.entries(files).map(([path, text]) => ({
      path,
      sha: text === null ? null : this.git.addBlob(text),
    }));
    const tree = this.git.addTree(parent && this.git.commits.get(parent)!.tree, changes);
    const sha = this.git.addCommit({
      tree,
      parents: parent === undefined ? [] : [parent],
      message: 'pushed',
      date: '2026-11-01T00:00:00Z',
    });
    this.refs.set(`heads/${branch}`, sha);
    return sha;
  }

  /** The text of a file on a branch. */
  read(path: string, branch = this.defaultBranch): string | undefined {
    const head = this.refs.get(`heads/${branch}`);
    const commit = head === undefined ? undefined : this.git.commits.get(head);
    const entry = commit && this.git.files(commit.tree).get(path);
    return entry && this.git.blobs.get(entry.sha)!.toString();
  }

  rename(branch: string): void {
    this.refs.set(`heads/${branch}`, this.refs.get(`heads/${this.defaultBranch}`)!);
    this.refs.delete(`heads/${this.defaultBranch}`);
    this.defaultBranch = branch;
  }

  get pulls(): (Issue & { pull: Pull })[] {
    return this.issues.filter((one): one is Issue & { pull: Pull } => one.pull !== undefined);
  }

  /** Both sides have changed a file, and to something else. */
  hasConflict({ pull }: { pull: Pull }): boolean {
    const base = this.refs.get(`heads/${pull.base}`)!;
    const common = this.git.mergeBase(base, pull.headSha);
    if (common === undefined) return true;
    const [ours, theirs] = [this.git.changed(common, base), this.git.changed(common, pull.headSha)];
    return [...theirs].some(([path, sha]) => ours.has(path) && ours.get(path) !== sha);
  }
}
