/** Lines about one image that several formats have. */
import type { ImageReport } from './night-report.ts';
import type { Reason } from '../night/planned-image.ts';

export function reasonLine(reason: Reason): string {
  if (reason.kind === 'base') return `its base ${reason.base} changed`;
  if (reason.kind === 'recipe') return 'its recipe changed';
  if (reason.kind === 'statement') return 'what is stated of its tags is renewed';
  if (reason.kind === 'unpublished') return 'its lock was not published yet';
  const { from, to, advisories } = reason;
  const fixes = advisories.length > 0 ? ` (${advisories.join(', ')})` : '';
  return `${changeLine(from, to)}${fixes}`;
}

/** Of two NEVRAs or EVRs; one of them is missing where the package is new or gone. */
export function changeLine(from: string | undefined, to: string | undefined): string {
  if (from === undefined) return `${to ?? '?'} added`;
  return to === undefined ? `${from} removed` : `${from} -> ${to}`;
}

/** `passed after 1 retry`; undefined for an image that passed at once. Only a passed boot counts as flaky. */
export function flakyRetries({ outcome, boot }: ImageReport): string | undefined {
  if (!boot || boot.retries === 0 || outcome === 'failed') return undefined;
  const { flaky = 0, boots = 0 } = boot.history ?? {};
  const before = flaky > 1 ? `; ${flaky} of its last ${boots} boots were flaky` : '';
  return `passed after ${boot.retries === 1 ? '1 retry' : `${boot.retries} retries`}${before}`;
}

/** Why an image was not tried. */
export function skipLine({ outcome, failure, hold, quarantine }: ImageReport): string {
  if (outcome === 'held') {
    const until = hold?.until === undefined ? '' : ` until ${hold.until}`;
    return `held${until}: ${hold?.reason ?? 'no reason is given'}`;
  }
  const cause = failure ? `: ${failure.code}: ${failure.message}` : '';
  if (outcome === 'quarantined')
    return `quarantined after ${quarantine?.nights ?? '?'} failed nights${cause}`;
  return failure ? `${failure.code}: ${failure.message}` : 'what it stands on was not published';
}
