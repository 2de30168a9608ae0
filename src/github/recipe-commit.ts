/** The commit that changed a recipe last, from git's objects: GitHub shows the state of an image beside it. */
import { basename, dirname } from 'node:path';
import { run } from '../lib/host/exec.ts';

/**
 * Whichever user owns the checkout: these commands run nothing that its configuration names. A missing object would be
 * fetched by a program of that configuration, so no protocol is allowed.
 */
const environment = { GIT_ALLOW_PROTOCOL: 'none', GIT_LITERAL_PATHSPECS: '1', GIT_NO_LAZY_FETCH: '1' };
/** 1: `--quiet` found no such name; 128: no repository is here, or a object is missing. */
const exitCodes = [0, 1, 128];
const commitId = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * Undefined for a recipe outside of git, one that git does not know, and one that was edited since: the image is then of
 * no commit. Throws COMMAND_FAILED where there is no git.
 */
export async function recipeCommit(path: string, signal?: AbortSignal): Promise<string | undefined> {
  const name = basename(path);
  const git = async (...args: string[]) => {
    const options = { cwd: dirname(path), env: environment, allow: exitCodes, signal };
    const { exitCode, stdout } = await run('git', ['-c', 'safe.directory=*', ...args], options);
    return exitCode === 0 ? stdout.trim() : undefined;
  };
  const committed = await git('rev-parse', '--verify', '--quiet', '--end-of-options', `HEAD:./${name}`);
  // Its filters could be programs of the configuration.
  const present = await git('hash-object', '--no-filters', '--', name);
  if (committed === undefined || committed !== present) return undefined;
  const commit = await git('rev-list', '--max-count=1', 'HEAD', '--', name);
  return commit !== undefined && commitId.test(commit) ? commit : undefined;
}
