import { Args, Flags } from '@oclif/core';
import { backendFlag } from '../cli/backend-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { formatPort } from '../cli/format-port.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { failureOf } from '../lib/errors/wire.ts';
import { reportToParent, runDetached } from '../pipeline/instance/detach.ts';
import { findStack, isStackName, isStackReference, secretFilesOf } from '../pipeline/instance/find-stack.ts';
import { nameOfInstance } from '../pipeline/instance/instance-records.ts';
import { runInstances, type Started } from '../pipeline/instance/run.ts';
import { runStack, type StartedStack } from '../pipeline/instance/run-stack.ts';

type Running = Started | StartedStack;
type Port = Started['instances'][number]['ports'][number];

export default class RunCommand extends MillinerCommand {
  static override summary =
    'Start instances of an image, each with a tree, a network and limits of its own, or the services of a stack';
  static override description =
    "Waits until all are ready as the recipe's test says, and shows what they write until they end or Ctrl-C stops them; with --detach they go on in the background. What an instance has written to its disk goes with it; the volumes of a stack stay.";
  static override examples = [
    '<%= config.bin %> run demo-product --publish 8080:8080',
    '<%= config.bin %> run demo-mariadb --instances 2 --publish 3306 --detach',
    '<%= config.bin %> run demo.stack --detach',
    '<%= config.bin %> run registry.example.com/stacks/demo:1 --key release.pub --detach',
    '<%= config.bin %> ps',
    '<%= config.bin %> stop --all',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description:
        "a recipe's name or a manifest digest; NAME.stack for a stack of images, or the REGISTRY/REPOSITORY:TAG of a published one",
    }),
  };
  static override flags = {
    instances: Flags.integer({ summary: 'how many', default: 1, min: 1, max: 100 }),
    publish: Flags.string({
      char: 'p',
      summary:
        '[[ADDRESS:]PORT:]INSTANCEPORT[/udp] to reach it by; without PORT, one that is free; may be repeated',
      multiple: true,
      default: [],
    }),
    backend: backendFlag,
    secret: Flags.string({
      summary: 'NAME=FILE of a secret of a stack, in place of the file that the stack names; may be repeated',
      helpValue: 'NAME=FILE',
      multiple: true,
      default: [],
    }),
    key: Flags.string({
      summary:
        "the publisher's public key, for a published stack; without it the one of this host's policy.json",
      helpValue: 'FILE',
    }),
    'plain-http': Flags.boolean({ summary: 'the registry of a published stack has no TLS', default: false }),
    detach: Flags.boolean({ char: 'd', summary: 'return once they are ready' }),
    supervise: Flags.boolean({ hidden: true }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RunCommand);
    const ports = flags.publish.map((text) => portOf(text, flags.instances));
    const options = this.runOptions(flags);
    const isStack = isStackName(args.image) || isStackReference(args.image);
    if (isStack && (flags.instances > 1 || ports.length > 0))
      throw new MillinerError(
        'USAGE',
        'a stack itself says how many instances and which ports: --instances and --publish are for images',
      );
    const stackOptions = {
      key: flags.key,
      plainHttp: flags['plain-http'],
      secretFiles: secretFilesOf(flags.secret),
    };
    if (flags.detach) {
      const publish = flags.publish.flatMap((text) => ['--publish', text]);
      const stateFlags = ['--state', options.state, '--storage', options.storage];
      if (options.allowHostRoot) stateFlags.push('--allow-host-root');
      if (flags.backend) stateFlags.push('--backend', flags.backend);
      if (flags.key !== undefined) stateFlags.push('--key', flags.key);
      if (flags['plain-http']) stateFlags.push('--plain-http');
      stateFlags.push(...flags.secret.flatMap((text) => ['--secret', text]));
      const childArgs = ['run', args.image, ...stateFlags, '--instances', String(flags.instances)];
      const running = await runDetached<Running>([...childArgs, ...publish, '--supervise'], options.signal);
      return this.#show(running);
    }
    let started: Running | undefined;
    const request = {
      backend: flags.backend,
      onLine: (id: string, line: string) => void (flags.supervise || this.logToStderr(`${id}  ${line}`)),
      onReady: (running: Running) => {
        started = running;
        if (flags.supervise) reportToParent({ answer: running });
        else this.#show(running);
      },
    };
    try {
      await this.withContext(flags, async (context) => {
        if (isStack) return runStack(context, await findStack(context, args.image, stackOptions), request);
        return runInstances(context, { ...request, image: args.image, instances: flags.instances, ports });
      });
      return started ?? {};
    } catch (error) {
      if (flags.supervise) reportToParent({ error: failureOf(error) });
      throw error;
    }
  }

  #show(started: Running): Running {
    for (const instance of started.instances) {
      const { id, ports } = instance;
      const name = 'stack' in started ? `  ${nameOfInstance(instance)}` : '';
      const where = ports.map((port) => `  ${formatPort(port)}`);
      this.log(`${id}${name}${where.join('')}`);
    }
    if (!('trees' in started)) return started;
    const { snapshotter, bytes } = started.trees;
    const kibibytes = Math.round(bytes / started.instances.length / 1024);
    this.logToStderr(`each tree took ${kibibytes} KiB of ${snapshotter} storage before its first write`);
    return started;
  }
}

function portOf(text: string, instances: number): Port {
  const [, address, host, port, protocol] =
    /^(?:(?:([^:]+|\[[0-9A-Fa-f:.]+\]):)?(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const mapping: Port = {
    address: address?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1',
    hostPort: Number(host ?? 0),
    instancePort: Number(port),
    ...(protocol === 'udp' && { protocol }),
  };
  const fits = mapping.hostPort <= 65_535 && mapping.instancePort >= 1 && mapping.instancePort <= 65_535;
  if (!fits) throw new MillinerError('USAGE', `--publish ${text} is not [[ADDRESS:]PORT:]INSTANCEPORT[/udp]`);
  if (instances > 1 && mapping.hostPort > 0) {
    throw new MillinerError('USAGE', `--publish ${text}: ${instances} instances cannot share one port`, {
      hint: `Give only the port of the instance: --publish ${port}.`,
    });
  }
  return mapping;
}
