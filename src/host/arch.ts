/** The host's architecture, as rpm calls it. */
import { MillinerError } from '../errors.ts';

const rpmArches: Record<string, string> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ppc64: 'ppc64le',
  s390x: 's390x',
};

export function hostArch(): string {
  const arch = rpmArches[process.arch];
  if (arch) return arch;
  throw new MillinerError('HOST_MISSING', `Milliner does not know the architecture ${process.arch}`);
}
