/**
 * Instances from the command to their first answer, beside `podman run` of the same image; twenty at once, and the memory
 * of one of them; and the virtual machine without hardware virtualisation, beside podman as well.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cache } from '../helpers/demo-recipes.ts';
import { BootScene, type Side } from './boot-scene.ts';
import type { Bench, Case } from './case.ts';

const many = 20;

export async function bootCases(): Promise<Bench> {
  const place = await mkdtemp(join(cache, 'bench-boot-'));
  const scene = await BootScene.open(place);
  const answered = (image: string, instances: number, ours: Side) => ({
    ours: () => scene.answered(ours, image, instances),
    peer: () => scene.answered(scene.podman, image, instances),
  });
  const common = { bench: 'boot', unit: 's', runs: 5 };
  const cases: Case[] = [
    {
      ...common,
      case: 'a web server answers, beside podman run',
      target: { atMost: 1 },
      seconds: { ours: 3, peer: 3 },
      ...answered('web', 1, scene.milliner),
    },
    {
      ...common,
      case: 'a web server that systemd starts answers, beside podman run',
      target: { atMost: 1 },
      seconds: { ours: 6, peer: 6 },
      ...answered('init', 1, scene.milliner),
    },
    {
      ...common,
      case: `${many} web servers at once answer, beside podman run`,
      target: { atMost: 1 },
      runs: 3,
      seconds: { ours: 20, peer: 30 },
      ...answered('web', many, scene.milliner),
    },
    {
      ...common,
      case: `memory of each of ${many} web servers, with what supervises them, beside podman run`,
      unit: 'MiB',
      target: { atMost: 1.1 },
      runs: 3,
      seconds: { ours: 20, peer: 30 },
      ours: () => scene.memoryOfEach(scene.milliner, 'web', many),
      peer: () => scene.memoryOfEach(scene.podman, 'web', many),
    },
    {
      ...common,
      case: 'a web server in a virtual machine without hardware virtualisation answers, beside podman run',
      target: undefined,
      runs: 3,
      seconds: { ours: 30, peer: 3 },
      ...answered('web', 1, scene.machine),
    },
    {
      ...common,
      case: 'memory of a virtual machine, beside podman run',
      unit: 'MiB',
      target: undefined,
      runs: 1,
      seconds: { ours: 30, peer: 3 },
      ours: () => scene.memoryOfEach(scene.machine, 'web', 1),
      peer: () => scene.memoryOfEach(scene.podman, 'web', 1),
    },
  ];
  return {
    cases,
    close: async () => {
      await scene.close();
      await rm(place, { recursive: true, force: true });
    },
  };
}
