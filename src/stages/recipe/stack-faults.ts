/** Faults between the keys of a stack: names that nothing has, circles, and paths that are in each other's way. */
import type { z } from 'zod';
import { nearest } from '../../lib/yaml/nearest.ts';
import { maxInstances, maxServices, type CrossingCheck, type StackService } from './stack-schema.ts';
import { circleOf } from './start-order.ts';

/** What a file of a stack and a resolved one have in common. */
interface Shape {
  services: Record<string, Omit<StackService, 'image' | 'limits'>>;
  volumes: Record<string, unknown>;
  secrets: Record<string, unknown>;
  checks: CrossingCheck[];
}
type Service = Shape['services'][string];
type Report = (path: (string | number)[], message: string, suggestion?: string) => void;

/** For z.superRefine, so that each fault is told with its line. */
export function checkStack(stack: Shape, faults: z.RefinementCtx): void {
  // What is wrong in itself is said alone.
  if (faults.issues.length > 0) return;
  const report: Report = (path, message, suggestion) =>
    faults.addIssue({
      code: 'custom',
      path,
      message,
      ...(suggestion !== undefined && { params: { suggestion } }),
    });
  const names = Object.keys(stack.services);
  if (names.length === 0) report(['services'], 'a stack has one service at least');
  if (names.length > maxServices) report(['services'], `more than ${maxServices} services`);
  const instances = Object.values(stack.services).reduce((sum, one) => sum + one.instances, 0);
  if (instances > maxInstances) report(['services'], `more than ${maxInstances} instances together`);
  const areKnown = names.map((name) => checkAfter(stack, name, report)).every(Boolean);
  const circle = areKnown ? circleOf(stack.services) : undefined;
  if (circle) report(['services', circle[0]!, 'after'], `these wait for each other: ${circle.join(' -> ')}`);
  for (const [name, service] of Object.entries(stack.services)) {
    checkHanded(stack, ['services', name], service, report);
    checkPorts(['services', name], service, report);
  }
  checkPublished(stack, report);
  checkUnused(stack, 'volumes', report);
  checkUnused(stack, 'secrets', report);
  for (const [index, check] of stack.checks.entries()) checkCheck(stack, ['checks', index], check, report);
}

function checkAfter({ services }: Shape, name: string, report: Report): boolean {
  const unknown = services[name]!.after.filter((one) => !Object.hasOwn(services, one));
  for (const one of unknown)
    report(['services', name, 'after'], `there is no service ${one}`, nearest(one, Object.keys(services)));
  return unknown.length === 0;
}

/** Where the instance has something of its own; what lies at or below one of them would be hidden, or hide it. */
const taken = ['/proc', '/sys', '/dev', '/run/host', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];
/** They may have something of a stack in them, but not be it. */
const wholes = ['/', '/run', '/tmp', '/usr', '/etc', '/var'];

function checkHanded(stack: Shape, at: (string | number)[], service: Service, report: Report): void {
  const { values, secrets, volumes } = service;
  const places = [
    ...Object.keys(values).map((path) => ({ key: ['values', path], path })),
    ...Object.entries(secrets).map(([name, { path }]) => ({ key: ['secrets', name], path })),
    ...Object.entries(volumes).map(([name, { path }]) => ({ key: ['volumes', name], path })),
  ];
  for (const [kind, used] of Object.entries({ secrets, volumes })) {
    for (const name of Object.keys(used))
      if (!Object.hasOwn(stack[kind as 'secrets' | 'volumes'], name))
        report(
          [...at, kind, name],
          `the stack has no ${kind.slice(0, -1)} ${name}`,
          nearest(name, Object.keys(stack[kind as 'secrets' | 'volumes'])),
        );
  }
  for (const [index, { key, path }] of places.entries()) {
    const place = path.replaceAll(/\/+/g, '/').replace(/(?<=.)\/$/, '');
    const isTaken = wholes.includes(place) || taken.some((one) => place === one || isBelow(place, one));
    if (isTaken) report([...at, ...key], `${path} belongs to the instance itself`);
    const other = places.slice(0, index).find((one) => areInTheWay(one.path, path));
    if (other) report([...at, ...key], `${path} is in the way of ${other.path}`);
  }
}

const isBelow = (path: string, above: string) => path.startsWith(`${above.replace(/\/$/, '')}/`);
const areInTheWay = (one: string, other: string) =>
  one === other || isBelow(one, other) || isBelow(other, one);

function checkPorts(at: (string | number)[], { ports, instances }: Service, report: Report): void {
  for (const [index, { publish }] of ports.entries())
    if (publish > 0 && instances > 1)
      report([...at, 'ports', index], `${instances} instances cannot share the port ${publish} of the host`);
}

/** The same port on another address of the host may be free. */
function checkPublished({ services }: Shape, report: Report): void {
  const users = new Map<string, string>();
  for (const [name, { ports }] of Object.entries(services)) {
    for (const [index, { address, publish }] of ports.entries()) {
      const place = `${address} ${publish}`;
      const user = users.get(place);
      if (user !== undefined)
        report(
          ['services', name, 'ports', index],
          `${user} is published at the port ${publish} of the host, too`,
        );
      if (publish > 0) users.set(place, name);
    }
  }
}

function checkUnused(stack: Shape, kind: 'volumes' | 'secrets', report: Report): void {
  for (const name of Object.keys(stack[kind]))
    if (!Object.values(stack.services).some((service) => Object.hasOwn(service[kind], name)))
      report([kind, name], 'no service uses it');
}

function checkCheck(stack: Shape, at: (string | number)[], check: CrossingCheck, report: Report): void {
  if (!Object.hasOwn(stack.services, check.from))
    report(
      [...at, 'from'],
      `there is no service ${check.from}`,
      nearest(check.from, Object.keys(stack.services)),
    );
  const to = targetOf(check)?.service;
  if (to !== undefined && !Object.hasOwn(stack.services, to))
    report(
      [...at, 'tcp' in check ? 'tcp' : 'http'],
      `there is no service ${to}`,
      nearest(to, Object.keys(stack.services)),
    );
}

/** The service and port that a check connects to; undefined for a program, which may do anything. */
export function targetOf(check: CrossingCheck): { service: string; port: number } | undefined {
  if ('tcp' in check) {
    const [service = '', port] = check.tcp.split(':');
    return { service, port: Number(port) };
  }
  if (!('http' in check)) return undefined;
  const { hostname, port } = new URL(check.http);
  return { service: hostname, port: Number(port || 80) };
}
