/** Which requests octokit may repeat by itself, and a new token for an App whose token has expired meanwhile. */
import { RequestError, type Octokit } from 'octokit';

/** Git's objects are named by their content, so a second one is the first. */
const harmless = /\/git\/(?:blobs|trees|commits)$/;

/**
 * A connection that breaks does not say whether the request was carried out: a second POST could open a second issue.
 * Those fail, and the next run of the command finds what is there. `renew` makes a new token.
 */
export function repeatSafely(octokit: Octokit, renew?: () => Promise<unknown>): void {
  octokit.hook.before('request', (options) => {
    const { pathname } = new URL(options.url, 'http://github.test');
    if (options.method === 'POST' && !harmless.test(pathname)) options.request.retries = 0;
  });
  if (!renew) return;
  octokit.hook.wrap('request', async (request, options) => {
    try {
      return await request(options);
    } catch (error) {
      // The answer of a server that takes no new token either would send us round in circles.
      if (!(error instanceof RequestError) || error.status !== 401) throw error;
      await renew();
      return await request(options);
    }
  });
}
