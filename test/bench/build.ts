/**
 * Builds of a set of packages, from RPM files to an OCI layout, beside dnf and tar, buildah and rpm alone: everything that
 * the distribution's repository has. All on one file system, zstd at level 3 for all.
 */
import { checkout } from '../helpers/demo-recipes.ts';
import { join } from 'node:path';
import { BuildScene } from './build-scene.ts';
import type { Bench, Case } from './case.ts';
import { ImagePeers } from './image-peers.ts';
import { usageOf } from './usage.ts';

const runs = 5;
const mebibytes = { must: 300, aim: 200 };

export async function buildCases(): Promise<Bench> {
  const scene = await BuildScene.open();
  return {
    cases: [...casesOf(scene), ...memoryCases(scene), helpCase],
    close: async () => scene.close(),
  };
}

function casesOf(scene: BuildScene): Case[] {
  const peers = new ImagePeers(scene);
  const cold = () => scene.cold();
  const dnf = () => peers.dnfAndTar();
  const common = { bench: 'build', unit: 's', runs, peer: dnf };
  return [
    {
      ...common,
      case: 'cold, beside dnf and tar',
      target: { atMost: 0.8 },
      aim: { atMost: 0.6 },
      processor: { target: { atMost: 1.1 }, aim: { atMost: 0.9 } },
      seconds: { ours: 15, peer: 10 },
      ours: cold,
    },
    {
      ...common,
      case: 'cold, beside buildah',
      target: { atMost: 0.5 },
      aim: { atMost: 0.4 },
      seconds: { ours: 15, peer: 28 },
      ours: cold,
      peer: () => peers.buildah(),
    },
    {
      ...common,
      case: 'cold, beside the floor: rpm while its payloads go through zstd',
      target: { atMost: 1.1 },
      aim: { atMost: 1 },
      seconds: { ours: 15, peer: 8 },
      ours: cold,
      peer: () => peers.floor(),
    },
    {
      ...common,
      case: 'one package changed',
      target: { atMost: 0.55 },
      aim: { atMost: 0.45 },
      seconds: { ours: 10, peer: 10 },
      ours: () => scene.oneChanged(),
    },
    {
      ...common,
      case: 'a product on an unchanged base',
      target: { atMost: 0.18 },
      aim: { atMost: 0.12 },
      seconds: { ours: 6, peer: 10 },
      ours: () => scene.product(),
    },
    {
      ...common,
      case: 'nothing changed',
      target: { atMost: 0.04 },
      aim: { atMost: 0.02 },
      seconds: { ours: 1, peer: 10 },
      ours: () => scene.unchanged(),
    },
  ];
}

/** Of Milliner and the programs that it starts, but not of rpm and what runs in rpm's sandbox. */
function memoryCases(scene: BuildScene): Case[] {
  const common = { bench: 'build', unit: 'MiB', runs: 3 };
  const all = () => scene.memory('all');
  return [
    {
      ...common,
      case: `peak memory without rpm, beside ${mebibytes.must} MiB`,
      target: { atMost: 1 },
      aim: { atMost: mebibytes.aim / mebibytes.must },
      seconds: { ours: 17, peer: 0 },
      ours: all,
      peer: async () => mebibytes.must,
    },
    {
      ...common,
      case: 'peak memory, beside half the set',
      target: { atMost: 1.2 },
      seconds: { ours: 17, peer: 10 },
      ours: all,
      peer: () => scene.memory('half'),
    },
  ];
}

const helpCase: Case = {
  bench: 'build',
  case: 'milliner --help, beside podman --help',
  unit: 's',
  target: { atMost: 3 },
  aim: { atMost: 1.5 },
  runs: 5,
  seconds: { ours: 1, peer: 1 },
  ours: () => usageOf([process.execPath, join(checkout, 'dist/cli.js'), '--help']),
  peer: () => usageOf(['podman', '--help']),
};
