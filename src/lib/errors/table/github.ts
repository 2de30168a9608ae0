/** Errors of GitHub's API, and of what is kept there. */
import type { Rows } from './row.ts';

export const github = {
  GITHUB_CREDENTIALS: {
    summary: 'there are no credentials for GitHub, or they cannot be used',
    hint: 'Set GITHUB_TOKEN, name a file that only its owner may read with --token-file, or an App with --app-id and --app-key.',
  },
  GITHUB_UNAUTHENTICATED: {
    summary: 'GitHub does not know the credentials: they are wrong, revoked, or have expired',
    hint: 'Make a new token, or check the id and the private key of the App. See what it may do with milliner github check.',
  },
  GITHUB_DENIED: {
    summary: 'GitHub refuses this to the credentials',
    hint: 'See which scopes or permissions are missing with milliner github check, then grant them.',
  },
  GITHUB_PERMISSION_MISSING: {
    summary: 'the credentials lack permissions that the release set needs on GitHub',
    hint: 'Grant the named permissions to the token or App, or turn off the named feature in github: of the release set.',
  },
  GITHUB_NOT_FOUND: {
    summary: 'GitHub has no such repository or object, or does not show it to these credentials',
    hint: 'Check github.repository and github.url of the release set, and that the token or App has access to the repository.',
  },
  GITHUB_COMMIT_MISSING: {
    summary: 'the commit of a recipe is not on GitHub, or the recipe was changed since',
    hint: 'Commit and push the recipes: the next run sets their statuses. Or turn statuses off in github: of the release set.',
  },
  GITHUB_CONFLICT: {
    summary:
      'GitHub refuses a change because something else changed at the same time, or the repository is empty',
    hint: 'Run the command again: it compares what is there and makes what is missing.',
    retryable: true,
  },
  GITHUB_REFUSED: {
    summary: 'GitHub refuses a request as invalid, or a rule of the repository forbids it',
    hint: "Look at the named request, and at the repository's rules for branches and pull requests.",
  },
  GITHUB_RATE_LIMITED: {
    summary: 'the rate limit of GitHub is used up for longer than the command may wait',
    hint: 'Run the command again after the time in details.retryAt, or wait longer with --max-wait MINUTES.',
    retryable: true,
  },
  GITHUB_UNAVAILABLE: {
    summary: 'GitHub does not answer, or fails again and again',
    hint: 'Run the command again: it compares what is there and makes what is missing.',
    retryable: true,
  },
  GITHUB_INVALID: {
    summary: 'GitHub sent an answer that its description does not allow, or that is too large',
    hint: "Check that github.url of the release set names GitHub's API: https://HOST/api/v3 for GitHub Enterprise Server.",
  },
} satisfies Rows;
