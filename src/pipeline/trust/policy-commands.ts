/** Shell commands that pull images under a policy. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { isLoopback, parseReference } from '../../lib/registry/reference.ts';

/**
 * podman has no option for registries.d. If the policy is outside the directories that podman reads, the files must be
 * copied there.
 */
export function commandsFor(directory: string, repositories: readonly string[]): string[] {
  const reads = ['/etc/containers', join(homedir(), '.config/containers')].includes(directory);
  const place = quote(directory);
  const copy = `install -D -m 644 -t /etc/containers/registries.d ${place}/registries.d/*.yaml`;
  return [
    ...(reads ? [] : [copy]),
    ...repositories.map((repository) =>
      words(
        'podman pull',
        !reads && `--signature-policy ${place}/policy.json`,
        isPlain(repository) && '--tls-verify=false',
        `${repository}:TAG`,
      ),
    ),
    // An OCI layout cannot hold signatures: skopeo verifies them and does not copy them.
    ...repositories.map((repository) =>
      words(
        `skopeo --policy ${place}/policy.json --registries.d ${place}/registries.d copy --remove-signatures`,
        isPlain(repository) && '--src-tls-verify=false',
        `docker://${repository}:TAG oci:DIRECTORY:TAG`,
      ),
    ),
  ];
}

function words(...options: (string | false)[]): string {
  return options.filter((part) => part !== false).join(' ');
}

/** As Milliner itself decides for a registry on this host. */
function isPlain(repository: string): boolean {
  return isLoopback(parseReference(repository).registry);
}

function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", String.raw`'\''`)}'`;
}
