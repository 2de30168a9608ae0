/** Comparison of packages and dependency matching, as rpm's rpmds.c does it. */
import { sense, type Dependency } from './dependencies.ts';
import type { Nevra } from './package.ts';
import { compareText, parseEvr, rpmvercmp } from './version-order.ts';

/**
 * A total order of packages: name, EVR, architecture, then the text itself if versions are equal but spelled
 * differently.
 */
export function compareNevra(a: Nevra, b: Nevra): number {
  return (
    compareText(a.name, b.name) ||
    Math.sign(a.epoch - b.epoch) ||
    rpmvercmp(a.version, b.version) ||
    rpmvercmp(a.release, b.release) ||
    compareText(a.arch, b.arch) ||
    compareText(a.version, b.version) ||
    compareText(a.release, b.release)
  );
}

const comparison = sense.less | sense.greater | sense.equal;

/** Whether a provided capability matches a required (or conflicting, or obsoleted) one: the version ranges overlap. */
export function dependencyMatches(provided: Dependency, required: Dependency): boolean {
  if (provided.name !== required.name) return false;
  const [p, r] = [provided.flags & comparison, required.flags & comparison];
  // A dependency without a version matches any version.
  if (p === 0 || r === 0 || provided.version === '' || required.version === '') return true;
  const [x, y] = [parseEvr(provided.version), parseEvr(required.version)];
  let sign = rpmvercmp(x.epoch ?? '0', y.epoch ?? '0') || rpmvercmp(x.version, y.version);
  if (sign === 0) {
    if (x.release && y.release) sign = rpmvercmp(x.release, y.release);
    // `= 1.0` without a release matches every release of 1.0.
    else if ((x.release && r & sense.equal) || (y.release && p & sense.equal)) return true;
  }
  if (sign < 0) return (p & sense.greater) !== 0 || (r & sense.less) !== 0;
  if (sign > 0) return (p & sense.less) !== 0 || (r & sense.greater) !== 0;
  return (p & r) !== 0;
}
