/** For `volume remove`: removes volumes, and what was made for their stack once it has none. */
import { findVolume, listVolumes, removeVolume } from '../state/volumes.ts';
import { forgetSecrets } from './stack-secrets.ts';

/** @param names as STACK.VOLUME. Throws VOLUME_NOT_FOUND, BUSY. */
export async function removeVolumes(state: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const volume = await findVolume(state, name);
    await removeVolume(state, volume);
    const left = (await listVolumes(state)).some(({ stack }) => stack === volume.stack);
    if (!left) await forgetSecrets(state, volume.stack);
  }
}
