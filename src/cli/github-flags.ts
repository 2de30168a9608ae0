/** Flags of the commands that speak to GitHub. A token itself is never an argument: every account sees the process list. */
import { Flags } from '@oclif/core';
import type { CredentialSources } from '../github/github-credentials.ts';

const variables = {
  tokenFile: 'MILLINER_GITHUB_TOKEN_FILE',
  appId: 'MILLINER_GITHUB_APP_ID',
  appKey: 'MILLINER_GITHUB_APP_KEY',
} as const;

export const githubFlags = {
  'token-file': Flags.string({
    summary: 'a file with a token, which only its owner may read; the default is the token of GITHUB_TOKEN',
    helpValue: 'FILE',
    env: variables.tokenFile,
  }),
  'app-id': Flags.string({
    summary: 'the id of a GitHub App that is installed on the repository',
    helpValue: 'ID',
    env: variables.appId,
    dependsOn: ['app-key'],
  }),
  'app-key': Flags.string({
    summary: 'the private key of the App, which only its owner may read',
    helpValue: 'FILE',
    env: variables.appKey,
    dependsOn: ['app-id'],
  }),
  'max-wait': Flags.integer({
    summary: 'minutes to wait for rate limits, all together',
    helpValue: 'MINUTES',
    min: 0,
    max: 600,
    default: 10,
  }),
};

interface GithubFlags {
  'token-file': string | undefined;
  'app-id': string | undefined;
  'app-key': string | undefined;
}

export const sourcesOf = (flags: GithubFlags): CredentialSources => ({
  token: process.env['GITHUB_TOKEN'],
  tokenFile: flags['token-file'],
  appId: flags['app-id'],
  appKey: flags['app-key'],
});

/** For `nightly`, which a worker starts without flags. */
export const sourcesOfEnvironment = (): CredentialSources => ({
  token: process.env['GITHUB_TOKEN'],
  tokenFile: process.env[variables.tokenFile],
  appId: process.env[variables.appId],
  appKey: process.env[variables.appKey],
});
