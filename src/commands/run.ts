import { Args, Flags } from '@oclif/core';
import { backendFlag } from '../cli/backend-flag.ts';
import { MillinerCommand, type RunFlags } from '../cli/base-command.ts';
import { portOf, settingsOf } from '../cli/run-flags.ts';
import { formatPort } from '../cli/format-port.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { answerOf } from '../pipeline/instance/detach.ts';
import { nameOfInstance } from '../pipeline/instance/instance-name.ts';
import type { Started } from '../pipeline/instance/run.ts';
import type { StartedStack } from '../pipeline/instance/run-stack.ts';
import { isStackName, isStackReference, secretFilesOf } from '../pipeline/instance/stack-words.ts';
import type { SupervisedRequest } from '../pipeline/instance/supervise.ts';
import { isImageName } from '../pipeline/state/find-image.ts';
import { takeSupervisor } from '../pipeline/instance/supervisor-start.ts';

type Running = Started | StartedStack;
type Request = Omit<SupervisedRequest, 'options'>;

export default class RunCommand extends MillinerCommand {
  static override summary =
    'Start instances of an image, each with a tree, a network and limits of its own, or the services of a stack';
  static override description =
    "Waits until all are ready as the recipe's test says, and shows what they write until they end or Ctrl-C stops them; with --detach they go on in the background. What an instance has written to its disk goes with it; the volumes of a stack stay.";
  static override examples = [
    '<%= config.bin %> run demo-product --publish 8080:8080',
    '<%= config.bin %> run demo-mariadb --instances 2 --publish 3306 --detach',
    '<%= config.bin %> run demo-mariadb --name shop-database --memory 1G --env TZ=UTC --detach',
    '<%= config.bin %> run demo.stack --detach',
    '<%= config.bin %> run registry.example.com/stacks/demo:1 --key release.pub --detach',
    '<%= config.bin %> ps',
    '<%= config.bin %> stop --all',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description:
        'the name or digest of an image here; NAME.stack for a stack of images, or the REGISTRY/REPOSITORY:TAG of a published one',
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
    name: Flags.string({ summary: 'name of the instance, for exec, logs and stop', helpValue: 'NAME' }),
    memory: Flags.string({ char: 'm', summary: "instead of the recipe's limit", helpValue: '512M' }),
    cpus: Flags.string({ summary: "processors, instead of the recipe's limit", helpValue: '0.5' }),
    pids: Flags.integer({ summary: "processes and threads, instead of the recipe's limit" }),
    bandwidth: Flags.string({
      summary: "in each direction, instead of the recipe's limit",
      helpValue: '10mbit',
    }),
    env: Flags.string({
      char: 'e',
      summary: 'a variable of its environment; may be repeated',
      helpValue: 'NAME=VALUE',
      multiple: true,
      default: [],
    }),
    detach: Flags.boolean({ char: 'd', summary: 'return once they are ready' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RunCommand);
    const ports = flags.publish.map((text) => portOf(text, flags.instances));
    const isStack =
      isStackName(args.image) ||
      (isStackReference(args.image) && !(await isImageName(flags.state, args.image)));
    const settings = settingsOf(flags);
    if (isStack && (flags.instances > 1 || ports.length > 0 || settings))
      throw new MillinerError(
        'USAGE',
        'a stack itself says how many instances, which ports and which limits: --instances, --publish, --name, --env and limits are for images',
      );
    if (flags.name !== undefined && flags.instances > 1)
      throw new MillinerError(
        'USAGE',
        `--name ${flags.name}: ${flags.instances} instances cannot share one name`,
      );
    const secretFiles = secretFilesOf(flags.secret);
    const request = {
      image: args.image,
      instances: flags.instances,
      ports,
      backend: flags.backend,
      settings,
      ...(isStack && { stack: { key: flags.key, plainHttp: flags['plain-http'], secretFiles } }),
    };
    return flags.detach ? this.#runDetached(flags, request) : this.#runAttached(flags, request);
  }

  async #runDetached(flags: RunFlags, request: Request): Promise<Running> {
    const { state, storage, allowHostRoot, signal } = this.runOptions(flags);
    const supervisor = takeSupervisor();
    supervisor.send({ ...request, options: { state, storage, allowHostRoot } } satisfies SupervisedRequest);
    const started = await answerOf<Running>(supervisor, signal, (line) => this.logToStderr(line));
    return this.#show(started);
  }

  async #runAttached(flags: RunFlags, request: Request): Promise<object> {
    const { runAny } = await import('../pipeline/instance/supervise.ts');
    let started: Running | undefined;
    await this.withContext(flags, (context) =>
      runAny(context, request, {
        onLine: (id, line) => this.logToStderr(`${id}  ${line}`),
        onReady: (running) => void (started = this.#show(running)),
      }),
    );
    return started ?? {};
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
