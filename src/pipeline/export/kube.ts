/** Objects of Kubernetes, which `podman kube play` takes too: a Deployment and a Service for each service, and its claims. */
import { stringify } from 'yaml';
import type { ExportedService, ExportedStack, Health } from './exported-service.ts';

/** One document for each object. */
export function kubeFile(stack: ExportedStack): string {
  const objects = stack.services.flatMap((service) => [
    ...service.volumes.map(claimOf),
    ...configMapOf(service),
    deploymentOf(service, stack.name),
    ...serviceObject(service, stack.name),
  ]);
  const options = { lineWidth: 0, aliasDuplicateObjects: false };
  return objects.map((one) => stringify(one, options)).join('---\n');
}

/** Of RFC 1123, as names of objects are. */
const nameOf = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-');

const labelsOf = (service: string, stack: string) => ({
  'app.kubernetes.io/name': service,
  'app.kubernetes.io/part-of': stack,
});

function claimOf({ name, bytes }: ExportedService['volumes'][number]): object {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: nameOf(name) },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: String(bytes) } } },
  };
}

function configMapOf({ name, files }: ExportedService): object[] {
  if (files.length === 0) return [];
  const data = Object.fromEntries(files.map((one) => [one.name, one.content]));
  return [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${nameOf(name)}-files` }, data }];
}

function deploymentOf(service: ExportedService, stack: string): object {
  const labels = labelsOf(service.name, stack);
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: nameOf(service.name), labels },
    spec: {
      replicas: service.instances,
      // Two pods at once would share a volume that one of them may write.
      strategy: { type: 'Recreate' },
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: service.stopSeconds,
          containers: [containerOf(service)],
          ...volumesOf(service),
        },
      },
    },
  };
}

function containerOf(service: ExportedService): object {
  const { name, image, ports, cpus, memory, volumes, files, secrets } = service;
  const containerPorts = ports.map(({ port, protocol, publish }) => ({
    containerPort: port,
    protocol: protocol.toUpperCase(),
    ...(publish && { hostPort: publish.port, hostIP: publish.address }),
  }));
  const volumeMounts = [
    ...volumes.map((one) => ({ name: nameOf(one.name), mountPath: one.path, readOnly: one.readonly })),
    ...files.map((one) => ({ name: 'files', mountPath: one.path, subPath: one.name, readOnly: true })),
    ...secrets.map((one) => ({
      name: nameOf(one.name),
      mountPath: one.path,
      subPath: one.name,
      readOnly: true,
    })),
  ];
  const limits = { memory: String(memory), ...(cpus !== undefined && { cpu: String(cpus) }) };
  return {
    name: nameOf(name),
    image,
    ...(containerPorts.length > 0 && { ports: containerPorts }),
    ...(volumeMounts.length > 0 && { volumeMounts }),
    resources: { limits },
    ...probesOf(service),
  };
}

function volumesOf({ name, volumes, files, secrets }: ExportedService): object {
  const all = [
    ...volumes.map((one) => ({
      name: nameOf(one.name),
      persistentVolumeClaim: { claimName: nameOf(one.name) },
    })),
    ...(files.length > 0 ? [{ name: 'files', configMap: { name: `${nameOf(name)}-files` } }] : []),
    ...secrets.map((one) => ({
      name: nameOf(one.name),
      secret: { secretName: nameOf(one.name), defaultMode: Number.parseInt(one.mode, 8) },
    })),
  ];
  return all.length > 0 ? { volumes: all } : {};
}

function probesOf({ health, startSeconds }: ExportedService): object {
  if (!health) return {};
  const probe = {
    ...askedBy(health),
    periodSeconds: health.intervalSeconds,
    timeoutSeconds: health.timeoutSeconds,
  };
  const startupProbe = { ...askedBy(health), periodSeconds: 1, failureThreshold: startSeconds };
  return { startupProbe, livenessProbe: probe, readinessProbe: probe };
}

function askedBy({ exec, tcp, http }: Health): object {
  if (exec) return { exec: { command: [...exec] } };
  if (http) return { httpGet: http };
  return { tcpSocket: { port: tcp } };
}

function serviceObject({ name, ports }: ExportedService, stack: string): object[] {
  if (ports.length === 0) return [];
  const labels = labelsOf(name, stack);
  const open = ports.map(({ port, protocol }) => ({
    name: `${protocol}-${port}`,
    port,
    targetPort: port,
    protocol: protocol.toUpperCase(),
  }));
  return [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: nameOf(name), labels },
      spec: { selector: labels, ports: open },
    },
  ];
}
