/**
 * The ids of user namespaces: root inside is nobody outside (user_namespaces(7)). Trees keep the owners that they
 * have; the mount that a container sees moves them (mount_setattr(2), MOUNT_ATTR_IDMAP).
 */
import { MillinerError } from '../errors/error.ts';
import type { NativeError } from '../host/native.ts';

/** What is 0 to size - 1 inside is start to start + size - 1 outside. */
export interface IdRange {
  start: number;
  size: number;
}

/**
 * Half of all ids: an image may use any from 0 to 2^31 - 2, as a host may, whose own end there. Beyond the highest,
 * 2^32 - 1 is nobody's (chown(2)).
 */
export const guestIds: IdRange = { start: 2 ** 31, size: 2 ** 31 - 1 };

/** Whether an id of the host is one that only containers of ours have. */
export const isGuest = (id: number): boolean => id >= guestIds.start && id < guestIds.start + guestIds.size;

/** For the linux section of config.json (OCI runtime specification, config-linux.md, "User namespace mappings"). */
export function mappingsOf({ start, size }: IdRange): object {
  const mappings = [{ containerID: 0, hostID: start, size }];
  return { uidMappings: mappings, gidMappings: mappings };
}

/** What calls here answer where mounts with moved owners are not to be had. */
const refusals = new Set(['EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'EOVERFLOW', 'EPERM']);
/** Whatever it is: of user namespaces there are no more, or none at all. */
const namespaceCall = 'clone';

/** As HOST_ROOT_SHARED where the kernel or a file system refuses, otherwise as it is. */
export function asSharedRoot(error: unknown, place: string): unknown {
  const { code, syscall, message } = error as NativeError;
  if (syscall !== namespaceCall && (syscall === undefined || !refusals.has(code))) return error;
  return sharedRoot(`${place} (${message})`, error);
}

export function sharedRoot(reason: string, cause?: unknown): MillinerError {
  return new MillinerError(
    'HOST_ROOT_SHARED',
    `scriptlets and instances cannot run on this host without its root user: ${reason}`,
    { cause },
  );
}
