/** Tiny packages for solver tests, described in a table, built by the real rpmbuild. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

type Tag =
  'Requires' | 'Recommends' | 'Suggests' | 'Supplements' | 'Provides' | 'Conflicts' | 'Obsoletes' | 'Epoch';

export type Sample = { name: string; version?: string; arch?: string; files?: string[] } & {
  [tag in Tag]?: string | number | string[];
};

/** Builds one .rpm for each sample into the directory; the host's own architecture plays no part. */
async function buildSamples(samples: readonly Sample[], directory: string): Promise<void> {
  const top = await mkdtemp(join(tmpdir(), 'samples-'));
  try {
    const targets = new Set(samples.map(targetOf));
    for (const target of targets) {
      const batches = inBatches(samples.filter((sample) => targetOf(sample) === target));
      for (const [index, batch] of batches.entries()) {
        const spec = join(top, `${target}-${index}.spec`);
        await writeFile(spec, specOf(batch, index));
        await run('rpmbuild', ['-bb', '--quiet', '--target', target, ...defines(top, directory), spec], {
          env: { SOURCE_DATE_EPOCH: String(1_700_000_000 + index) },
        });
      }
    }
  } finally {
    await rm(top, { recursive: true });
  }
}

function targetOf(sample: Sample): string {
  return sample.arch ?? 'x86_64';
}

/** One spec cannot make two packages of one name. */
function inBatches(samples: readonly Sample[]): Sample[][] {
  const batches: Sample[][] = [];
  for (const sample of samples) {
    const batch = batches.find((members) => members.every((member) => member.name !== sample.name));
    if (batch) batch.push(sample);
    else batches.push([sample]);
  }
  return batches;
}

function defines(top: string, output: string): string[] {
  const macros = {
    _topdir: top,
    _rpmdir: output,
    _tmppath: top,
    _rpmfilename: '%%{NAME}-%%{EPOCHNUM}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
    use_source_date_epoch_as_buildtime: '1',
    __os_install_post: '%{nil}',
    __spec_install_post: '%{nil}',
    debug_package: '%{nil}',
  };
  return Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
}

function specOf(samples: readonly Sample[], index: number): string {
  const files = samples.flatMap((sample) => sample.files ?? []);
  return [
    `Name: samples${index}`,
    'Version: 1\nRelease: 1\nSummary: Samples\nLicense: MIT\nAutoReqProv: no\n%description\nSamples.',
    ...samples.map(packageOf),
    '%install',
    ...files.map((path) => `mkdir -p %{buildroot}${dirname(path)}; echo ${path} > %{buildroot}${path}`),
    ...samples.map((sample) => [`%files -n ${sample.name}`, ...(sample.files ?? [])].join('\n')),
  ].join('\n');
}

function packageOf({ name, version = '1', files: _files, arch: _arch, ...tags }: Sample): string {
  const lines = Object.entries(tags).flatMap(([tag, value]) =>
    [value].flat().map((word) => `${tag}: ${String(word)}`),
  );
  return [
    `%package -n ${name}`,
    `Version: ${version}\nSummary: A sample\nAutoReqProv: no`,
    ...lines,
    `%description -n ${name}\nA sample.`,
  ].join('\n');
}

/** A repository of its own with metadata (in gzip); gives its directory. */
export async function repositoryOf(
  parent: string,
  name: string,
  samples: readonly Sample[],
): Promise<string> {
  const directory = join(parent, name);
  await mkdir(directory, { recursive: true });
  await buildSamples(samples, directory);
  await run('createrepo_c', ['--quiet', '--no-database', '--compress-type=gz', directory]);
  return directory;
}
