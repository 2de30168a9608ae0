/** What the solver tests choose from: each group of lines is one thing that solvers get wrong. */
import type { Sample } from './packages.ts';

export const mainSamples: readonly Sample[] = [
  // Epochs beat versions, and versions compare as rpm's: 9 < 10, ~ sorts before the release.
  { name: 'lib', version: '2', Epoch: 1, Provides: 'libx = 2' },
  { name: 'lib', version: '9', Provides: 'libx = 1' },
  { name: 'tool', version: '10', files: ['/usr/bin/tool', '/usr/share/doc/tool'] },
  { name: 'tool', version: '9' },
  { name: 'tool', version: '11~rc1', Requires: 'nothing-here' },
  { name: 'app', Requires: ['libx >= 2', '/usr/bin/tool', '(web-a or web-b)', '(extra if plug)'] },
  { name: 'web-a', Provides: 'webserver' },
  { name: 'web-b', Provides: ['webserver', 'libweb.so.1()(64bit)'] },
  { name: 'plug' },
  { name: 'extra' },
  // Successors.
  { name: 'old' },
  { name: 'new', version: '2', Obsoletes: 'old < 2', Provides: 'old = 2' },
  { name: 'heir', version: '2', Obsoletes: 'gone < 2' },
  { name: 'gone' },
  // Weak dependencies.
  { name: 'polite', Recommends: ['thanks', '(bow if plug)', 'nowhere'] },
  { name: 'thanks' },
  { name: 'bow' },
  { name: 'shadow', Supplements: 'polite' },
  // A rich weak dependency that speaks of a package which nobody can install.
  { name: 'pass', Recommends: '(clip if (screen else other))' },
  { name: 'screen', Requires: 'nothing-here' },
  // Files that primary does not list.
  { name: 'reader', Requires: '/usr/share/data/file' },
  { name: 'data', files: ['/usr/share/data/file'] },
  { name: 'picker', Requires: '/usr/share/pick' },
  { name: 'a-picked', files: ['/usr/share/pick'] },
  { name: 'z-picked', Provides: '/usr/share/pick' },
  // No answer.
  { name: 'red', Conflicts: 'blue' },
  { name: 'blue' },
  { name: 'broken', Requires: 'broken-too' },
  { name: 'broken-too', Requires: 'nothing-here' },
  // Architectures.
  { name: 'both', Provides: 'both(x86-64)' },
  { name: 'both', arch: 'i686', Provides: 'both(x86-32)' },
  { name: 'needs32', arch: 'i686', Requires: 'both(x86-32)' },
  { name: 'papers', arch: 'noarch' },
  { name: 'foreign', arch: 'ppc64le' },
  // A ring.
  { name: 'ring-a', Requires: 'ring-b' },
  { name: 'ring-b', Requires: 'ring-a' },
];

export const updateSamples: readonly Sample[] = [
  { name: 'lib', version: '3', Epoch: 1, Provides: 'libx = 3' },
  { name: 'web-a', version: '2', Provides: 'webserver' },
  { name: 'fresh', Requires: 'libx = 3' },
  { name: 'papers', version: '2', arch: 'noarch' },
];
