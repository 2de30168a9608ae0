/**
 * IDs of user namespaces: root inside is an unprivileged user outside (user_namespaces(7)). Trees keep their owners on
 * disk; the mount that a container sees moves them (mount_setattr(2), MOUNT_ATTR_IDMAP).
 */
import { MillinerError } from '../errors/error.ts';
import type { NativeError } from '../host/native.ts';

/** IDs 0 to size - 1 inside are start to start + size - 1 outside. */
export interface IdRange {
  start: number;
  size: number;
}

/**
 * The upper half of all IDs. An image may use any ID from 0 to 2^31 - 2, and a host whose own IDs end there too does
 * not collide with it. The highest ID, 2^32 - 1, is invalid (chown(2)).
 */
export const guestIds: IdRange = { start: 2 ** 31, size: 2 ** 31 - 1 };

/** Whether an ID of the host belongs to Milliner's containers only. */
export const isGuest = (id: number): boolean => id >= guestIds.start && id < guestIds.start + guestIds.size;

/** For the linux section of config.json (OCI runtime specification, config-linux.md, "User namespace mappings"). */
export function mappingsOf({ start, size }: IdRange) {
  const mappings = [{ containerID: 0, hostID: start, size }];
  return { uidMappings: mappings, gidMappings: mappings };
}

/** Errors of the kernel where ID-mapped mounts are unavailable. */
const refusals = new Set(['EINVAL', 'ENOSYS', 'EOPNOTSUPP', 'EOVERFLOW', 'EPERM']);
/** An error of clone means that user namespaces are disabled or used up, whatever its errno is. */
const namespaceCall = 'clone';

/** HOST_ROOT_SHARED if the kernel or a file system refuses; otherwise the error unchanged. */
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
