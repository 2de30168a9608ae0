/** One spec for each Debian source, with its binary packages as subpackages. */
import { readAdaptation, type Adaptation, type Scriptlet } from './adaptation.ts';
import type { Control } from './control.ts';
import { readContents, type Entry } from './contents.ts';
import { filesSection, ownersOf } from './files.ts';
import { plainRelations, provisions, requirements } from './relations.ts';
import { readIntegration, sysusersProvides, type Integration } from './systemd.ts';
import { parseVersion } from './version.ts';

/** A binary package with all that its part of the spec is made from. */
interface Binary {
  control: Control;
  entries: Entry[];
  adaptation: Adaptation;
  integration: Integration;
}

/**
 * The text of the spec. Each .deb is a source file called NAME.deb.
 * @param finish lines of shell that run in the build root when everything is in it
 */
export async function sourceSpec(
  binaries: readonly Control[],
  shared: ReadonlySet<string>,
  finish: readonly string[] = [],
): Promise<string> {
  const packages = await Promise.all(binaries.map(readBinary));
  const name = binaries[0]?.source ?? '';
  const main = packages.find(({ control }) => control.package === name);
  const noarch = binaries.every(({ architecture }) => architecture === 'all');
  const others = packages.filter((binary) => binary !== main);
  const version = (main ?? packages[0])?.control.version ?? '';
  return [
    `Name: ${name}`,
    ...versionTags(version),
    ...(main ? tags(main, shared) : ['Summary: Debian source package', 'License: LicenseRef-Debian']),
    ...(noarch ? ['BuildArch: noarch'] : []),
    ...packages.map(({ control }, index) => `Source${index}: ${control.package}.deb`),
    '',
    '%description',
    ...(main ? description(main) : [`The Debian source package ${name}.`]),
    ...others.flatMap((binary) => subpackage(binary, shared, noarch)),
    '',
    '%install',
    ...packages.map((_, index) => `dpkg-deb --extract %{SOURCE${index}} %{buildroot}`),
    'cd %{buildroot}',
    ...packages.flatMap(({ adaptation }) => adaptation.install),
    ...finish,
    ...packages.flatMap((binary) =>
      sections(binary, binary === main ? '' : `-n ${binary.control.package}`, shared),
    ),
    '',
  ].join('\n');
}

async function readBinary(control: Control): Promise<Binary> {
  const entries = await readContents(control.deb);
  const adaptation = await readAdaptation(control.package);
  const { units, users } = await readIntegration(control.deb, entries);
  const added = adaptation.sysusers.flatMap(sysusersProvides);
  return { control, entries, adaptation, integration: { units, users: [...users, ...added] } };
}

function versionTags(text: string): string[] {
  const { epoch, version, release } = parseVersion(text);
  const epochTag = epoch === undefined ? [] : [`Epoch: ${epoch}`];
  return [...epochTag, `Version: ${version}`, `Release: ${release ?? '0'}`];
}

function subpackage(binary: Binary, shared: ReadonlySet<string>, allNoarch: boolean): string[] {
  const { control } = binary;
  return [
    '',
    `%package -n ${control.package}`,
    ...versionTags(control.version),
    ...tags(binary, shared),
    ...(control.architecture === 'all' && !allNoarch ? ['BuildArch: noarch'] : []),
    '',
    `%description -n ${control.package}`,
    ...description(binary),
  ];
}

function tags(binary: Binary, shared: ReadonlySet<string>): string[] {
  const { fields } = binary.control;
  const summary = (fields.get('description') ?? '').split('\n')[0] ?? '';
  const url = fields.get('homepage');
  return [
    `Summary: ${escapeMacros(summary)}`,
    'License: LicenseRef-Debian',
    ...(url ? [`URL: ${escapeMacros(url)}`] : []),
    'AutoReqProv: no',
    ...dependencies(binary),
    ...ownerRequirements(binary, shared),
    ...binary.adaptation.preamble,
  ];
}

function dependencies({ control, adaptation, integration }: Binary): string[] {
  const { fields } = control;
  const dropAll = adaptation.drop.has('*');
  const needs = (name: string) => (dropAll ? [] : requirements(fields.get(name), adaptation.drop));
  const plain = (name: string) => plainRelations(fields.get(name)).map(({ text }) => text);
  const before = needs('pre-depends');
  const conflicts = new Set([...plain('conflicts'), ...plain('breaks')]);
  return [
    ...before.flatMap((text) => [`Requires(pre): ${text}`, `Requires: ${text}`]),
    ...needs('depends').map((text) => `Requires: ${text}`),
    ...needs('recommends').map((text) => `Recommends: ${text}`),
    ...needs('suggests').map((text) => `Suggests: ${text}`),
    ...provisions(fields.get('provides'), control.version).map((text) => `Provides: ${text}`),
    ...integration.users.map((text) => `Provides: ${text}`),
    ...[...conflicts].map((text) => `Conflicts: ${text}`),
    ...wholeReplacements(control).map((text) => `Obsoletes: ${text}`),
    ...(integration.units.length > 0 ? ['OrderWithRequires(post): systemd'] : []),
  ];
}

/** Debian policy 7.6.2: Conflicts, Replaces and Provides together take a package's place; Replaces alone moves files. */
function wholeReplacements({ fields, package: self }: Control): string[] {
  const names = (field: string) => new Set(plainRelations(fields.get(field)).map(({ name }) => name));
  const provided = names('provides');
  const conflicting = names('conflicts');
  return plainRelations(fields.get('replaces'))
    .filter(({ name }) => name !== self && provided.has(name) && conflicting.has(name))
    .map(({ text }) => text);
}

/** Owners must be there before the files are unpacked, and base-passwd's accounts before any further ones. */
function ownerRequirements(binary: Binary, shared: ReadonlySet<string>): string[] {
  const { users, groups } = ownersOf(filesOf(binary, shared));
  const needed = [...users.map((name) => `user(${name})`), ...groups.map((name) => `group(${name})`)];
  const own = new Set(binary.integration.users.map((text) => text.split(' ')[0]));
  const foreign = needed.filter((name) => !own.has(name));
  const first = own.size > 0 ? ['base-passwd'] : [];
  return [...first, ...foreign].map((name) => `Requires(pre): ${name}`);
}

function filesOf({ control, entries, adaptation }: Binary, shared: ReadonlySet<string>): string[] {
  const others = control.package === 'base-files' ? new Set<string>() : shared;
  return filesSection(entries, control.conffiles, others, adaptation.files);
}

function sections(binary: Binary, option: string, shared: ReadonlySet<string>): string[] {
  const scriptlets = withPresets(binary.adaptation.scriptlets, binary.integration.units);
  return [
    ...scriptlets.flatMap(({ name, options, body }) => [
      '',
      [name, option, options].filter(Boolean).join(' '),
      ...body,
    ]),
    '',
    `%files ${option}`.trim(),
    ...filesOf(binary, shared),
  ];
}

/** As Fedora's %systemd_post and %systemd_preun: presets decide on the first installation only. */
function withPresets(scriptlets: readonly Scriptlet[], units: readonly string[]): Scriptlet[] {
  if (units.length === 0) return [...scriptlets];
  const own = scriptlets.find(({ name }) => name === '%post');
  const action = (condition: string, command: string) => [
    `if [ $1 -eq ${condition} ] && [ -x /usr/bin/systemctl ]; then`,
    `  systemctl --no-reload ${command} ${units.join(' ')}`,
    'fi',
  ];
  return [
    ...scriptlets.filter((scriptlet) => scriptlet !== own),
    { name: '%post', options: own?.options ?? '', body: [...(own?.body ?? []), ...action('1', 'preset')] },
    { name: '%preun', options: '', body: action('0', 'disable --now') },
  ];
}

function description(binary: Binary): string[] {
  const lines = (binary.control.fields.get('description') ?? '').split('\n').slice(1);
  return lines.map((line) => escapeMacros(line.replace(/^ \.?/, '')));
}

function escapeMacros(text: string): string {
  return text.replaceAll('%', '%%');
}
