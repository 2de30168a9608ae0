/** Volumes of a stack that two machines would write at once: each has a kernel that takes the disk for its own. */
import type { Lack } from '../../stages/boot/backend.ts';
import type { ResolvedService, ResolvedStack } from '../../stages/recipe/resolved-stack.ts';

type Services = Readonly<Record<string, Pick<ResolvedService, 'after' | 'instances' | 'volumes' | 'test'>>>;

export function sharedVolumes({ services, volumes }: Pick<ResolvedStack, 'services' | 'volumes'>): Lack[] {
  return Object.keys(volumes).flatMap((volume) => {
    const users = Object.keys(services).filter((name) => services[name]!.volumes[volume] !== undefined);
    const isShared = users.some(
      (one, index) =>
        (services[one]!.instances > 1 && !isReader(services, one, volume)) ||
        users.slice(index + 1).some((other) => areAtOnce(services, one, other, volume)),
    );
    if (!isShared) return [];
    const reason = 'machines cannot share a disk while one of them writes to it';
    return [{ key: `volumes.${volume}`, reason }];
  });
}

const isReader = (services: Services, name: string, volume: string) =>
  services[name]!.volumes[volume]!.readonly;

function areAtOnce(services: Services, one: string, other: string, volume: string): boolean {
  if (isReader(services, one, volume) && isReader(services, other, volume)) return false;
  return !endsBefore(services, one, other) && !endsBefore(services, other, one);
}

/** Whether it is ready when it has ended, and the other waits for that. */
function endsBefore(services: Services, job: string, other: string): boolean {
  const waitsFor = (name: string): boolean =>
    services[name]!.after.some((one) => one === job || waitsFor(one));
  return services[job]!.test.ready.exit !== undefined && waitsFor(other);
}
