/** What each key of a recipe does, and how it is written: for `recipe explain`, and for editors through the JSON schema. */

export interface KeyWords {
  does: string;
  /** As it stands in a file, without the keys above it. */
  example: string;
}

/** By the path of the key; entries of lists have no name of their own in it. */
const table: Record<string, readonly [does: string, example: string]> = {
  $schema: [
    'Names the JSON schema, for editors that do not read the comment in the first line.',
    '$schema: recipe.schema.json',
  ],
  name: ['Names the image. The recipe is called by the name of its file.', 'name: shop'],
  from: [
    'The base below this image: a recipe beside this one, an image of a registry, a tar file or a directory.',
    'from: fedora-base',
  ],
  'from.image': [
    'Reference to an image that others have built. The lock holds its digest.',
    'image: registry.example.com/base:43',
  ],
  'from.keys': [
    'Files of public keys (PEM or OpenPGP). One of them must have signed the image.',
    'keys: [vendor.pub]',
  ],
  'from.unsigned': ['Accepts the image without a signature.', 'unsigned: true'],
  'from.unnamed': [
    'Accepts a signature that names no reference, which fits any image that the key has signed.',
    'unnamed: true',
  ],
  'from.expired': ['Accepts a tag whose signed statement has expired.', 'expired: true'],
  'from.tar': ['A tar file with a whole file system.', 'tar: ../base.tar'],
  'from.directory': ['A directory with a whole file system.', 'directory: ../base'],
  release: [
    'The release of the distribution: $releasever in URLs, {{release}} in templates and tags.',
    'release: 43',
  ],
  arches: ['The architectures to lock and build. Without it, that of the host.', 'arches: [x86_64, aarch64]'],
  repos: [
    'Where packages come from: names of repositories in repos.yaml beside the recipe, or repositories themselves.',
    'repos: [fedora, updates]',
  ],
  'repos.name': ['Names the repository in the lock and in messages.', 'name: vendor'],
  'repos.baseurl': [
    'URL or directory of the repository, or a list of equal ones. Relative directories begin at the file.',
    'baseurl: https://rpms.example.com/el',
  ],
  'repos.metalink': [
    'URL of a metalink, which lists mirrors and the digest of the metadata.',
    'metalink: https://mirrors.example.com/metalink?repo=x',
  ],
  'repos.mirrorlist': ['URL of a plain list of mirrors.', 'mirrorlist: https://mirrors.example.com/list'],
  'repos.timeout': ['How long a server may be silent.', 'timeout: 30s'],
  'repos.minRate': ['Bytes in a second below which a download counts as stuck.', 'minRate: 1000'],
  'repos.sslCaCert': [
    'File of the certificates that may have signed that of the server.',
    'sslCaCert: ca.pem',
  ],
  'repos.sslClientCert': [
    'File of the certificate that Milliner shows the server.',
    'sslClientCert: client.pem',
  ],
  'repos.sslClientKey': ['File of the key of sslClientCert.', 'sslClientKey: client.key'],
  'repos.keys': [
    'Files of OpenPGP keys. Only these may have signed packages of this repository.',
    'keys: [RPM-GPG-KEY-vendor]',
  ],
  'repos.keys.release': ['Trusts the key in recipes of this release alone.', 'release: 43'],
  'repos.keys.file': [
    'File of the key. $releasever in it is the release.',
    'file: RPM-GPG-KEY-vendor-$releasever',
  ],
  'repos.keys.fingerprint': [
    'The full fingerprint that the key must have.',
    "fingerprint: 'C6E7 F081 CF80 E131 4667 6E88 829B 6066 3164 5531'",
  ],
  'repos.exclude': ['Packages that this repository may not provide: names or globs.', 'exclude: [kernel*]'],
  'repos.include': [
    'The only packages that this repository may provide: names or globs.',
    'include: [vendor-*]',
  ],
  'repos.moduleHotfixes': [
    'Lets packages of the repository replace those of modules.',
    'moduleHotfixes: true',
  ],
  'repos.gpgcheck': ['Whether packages need a signature of one of the keys.', 'gpgcheck: false'],
  'repos.repoGpgcheck': ['Whether the metadata needs a signature of one of the keys.', 'repoGpgcheck: true'],
  'repos.priority': [
    'Of two repositories with a package, the one with the lower number wins.',
    'priority: 10',
  ],
  'repos.cost': ['Of two repositories with the same package, the cheaper one wins.', 'cost: 500'],
  packages: [
    'The packages to install, with all that they require: names, globs, provides, paths, groups with @.',
    "packages: [mariadb-server, '@core']",
  ],
  exclude: ['Packages that may not be installed, from any repository: names or globs.', 'exclude: [man-db]'],
  modules: ['Modules and their streams to enable.', "modules: ['nodejs:18']"],
  pins: [
    'The only version of a package that may be installed: [EPOCH:]VERSION[-RELEASE] or a glob.',
    "pins: { mariadb-server: '10.11.*' }",
  ],
  weakDeps: ['Whether packages that others only recommend are installed too.', 'weakDeps: true'],
  tools: [
    "What installs the packages: a tool root of packages from the recipe's own repositories, or the host's rpm.",
    'tools: host',
  ],
  'tools.packages': ['The packages of the tool root. One of them has to have rpm.', 'packages: [rpm]'],
  docs: ['Whether files that packages mark as documentation are installed.', 'docs: false'],
  languages: ['The languages of translations to install. Without it, all.', 'languages: [en_US, de]'],
  directories: [
    'Directories to make.',
    "directories: [{ path: /srv/shop, mode: '0750', owner: 'shop:shop' }]",
  ],
  'directories.path': ['Where the directory is in the image.', 'path: /srv/shop'],
  'directories.mode': ['Permissions, octal and in quotes.', "mode: '0750'"],
  'directories.owner': [
    'User and group, by name. A package of the image has to make them.',
    "owner: 'shop:shop'",
  ],
  symlinks: ['Symbolic links to make.', 'symlinks: [{ path: /srv/data, target: shop }]'],
  'symlinks.path': ['Where the link is in the image.', 'path: /srv/data'],
  'symlinks.target': ['What the link leads to. It need not exist.', 'target: shop'],
  'symlinks.owner': ['User and group of the link itself.', "owner: 'shop:shop'"],
  files: [
    'Files to write, from a template or from a text in the recipe.',
    'files: [{ template: shop.conf.hbs, path: /etc/shop.conf }]',
  ],
  'files.path': ['Where the file is in the image.', 'path: /etc/shop.conf'],
  'files.template': [
    'A Handlebars template in templates/, beside the recipe or in the directory above.',
    'template: shop.conf.hbs',
  ],
  'files.content': ['The content itself.', 'content: "port = 8080\\n"'],
  'files.mode': ['Permissions, octal and in quotes.', "mode: '0640'"],
  'files.owner': ['User and group, by name. A package of the image has to make them.', "owner: 'root:shop'"],
  values: ['Values for templates. They also have name, release and arch.', 'values: { port: 8080 }'],
  services: ['Units of systemd to enable or disable.', 'services: { enable: [shop.service] }'],
  'services.enable': ['Units to enable, as systemctl enable does.', 'enable: [shop.service]'],
  'services.disable': ['Units to disable, as systemctl disable does.', 'disable: [cups.socket]'],
  install: ['Limits of the installation, scriptlets included.', 'install: { timeout: 3h }'],
  'install.timeout': ['How long it may take.', 'timeout: 3h'],
  'install.memory': ['How much memory it may take.', 'memory: 8G'],
  'install.disk': [
    'Bytes that it may write. Without it, a multiple of what the packages install.',
    'disk: 64G',
  ],
  allow: ['What would fail a build otherwise, by name.', "allow: { scriptlets: ['%post(shop)'] }"],
  'allow.scriptlets': ['Scriptlets that may fail.', "scriptlets: ['%post(shop)']"],
  'allow.owners': [
    'Owners of files that may be missing in the image: their files get root.',
    'owners: [shop]',
  ],
  'allow.unsigned': ['Packages that may be unsigned.', 'unsigned: [shop]'],
  'allow.replace': ['Packages of the base that this recipe may replace.', 'replace: [openssl-libs]'],
  config: ['The configuration of the image, as OCI has it.', 'config: { cmd: [/usr/sbin/init] }'],
  'config.entrypoint': [
    'The program that starts, with arguments that always stay.',
    'entrypoint: [/usr/bin/shop]',
  ],
  'config.cmd': ['The arguments, or the program if there is no entrypoint.', 'cmd: [/usr/sbin/init]'],
  'config.env': ['Variables of the environment.', 'env: { LANG: C.UTF-8 }'],
  'config.user': ['The user that the program runs as.', 'user: shop'],
  'config.workingDir': ['The directory that the program starts in.', 'workingDir: /srv/shop'],
  'config.exposedPorts': ['Ports that the program listens on.', 'exposedPorts: [8080/tcp]'],
  'config.volumes': ['Directories whose content outlives an instance.', 'volumes: [/var/lib/shop]'],
  'config.stopSignal': ['The signal that asks the program to end.', 'stopSignal: SIGRTMIN+3'],
  'config.labels': ['Labels of the image.', 'labels: { org.opencontainers.image.description: A shop }'],
  layers: ['Number and compression of the layers.', 'layers: { max: 40 }'],
  'layers.max': [
    'Layers that the image may have, those of its bases included. Without it, 40, or 16 more than the base.',
    'max: 30',
  ],
  'layers.compression': ['How layers are compressed.', 'compression: gzip'],
  'layers.level': ['Level of the compression.', 'level: 12'],
  test: [
    'How milliner boot tests the image. Nothing is published that has not passed.',
    'test: { ready: { unit: shop.service } }',
  ],
  'test.init': [
    "Whether the image's program is an init such as systemd. Without it, decided by the program.",
    'init: false',
  ],
  'test.backend': [
    'What isolates the instances. auto takes the first that works on the host.',
    'backend: machine',
  ],
  'test.limits': ['Limits of each instance.', 'limits: { cpus: 1, memory: 512M }'],
  'test.limits.cpus': ['Processors that it may use.', 'cpus: 0.5'],
  'test.limits.cpuWeight': [
    'Its share of processors that are too few for all instances. 100 is the share of one without it.',
    'cpuWeight: 50',
  ],
  'test.limits.memory': ['Memory that it may use.', 'memory: 512M'],
  'test.limits.swap': ['Swap beside the memory. Without it, none.', 'swap: 128M'],
  'test.limits.pids': ['Processes and threads that it may have.', 'pids: 512'],
  'test.limits.disk': ['Bytes that it may write to its disk.', 'disk: 4G'],
  'test.limits.io': ['Bytes in a second that its disk may read and write.', 'io: { read: 50M, write: 20M }'],
  'test.limits.io.read': ['Bytes in a second that it may read.', 'read: 50M'],
  'test.limits.io.write': ['Bytes in a second that it may write.', 'write: 20M'],
  'test.limits.bandwidth': ['What it may send, and receive, in a second.', 'bandwidth: 50mbit'],
  'test.network': [
    'none: loopback alone. private: a link to the host. egress: also the destinations in egress.',
    'network: private',
  ],
  'test.egress': [
    'What it may reach outside, by TCP and UDP.',
    'egress: [{ host: time.example.com, port: 443 }]',
  ],
  'test.egress.host': ['Name or IPv4 address of the destination.', 'host: time.example.com'],
  'test.egress.port': ['Port of the destination.', 'port: 443'],
  'test.ready': [
    'When an instance counts as ready: one of unit, notify, exit.',
    'ready: { unit: shop.service, timeout: 60s }',
  ],
  'test.ready.unit': ['The unit that has to be active.', 'unit: shop.service'],
  'test.ready.notify': ['Waits for READY=1 on the socket of sd_notify(3).', 'notify: true'],
  'test.ready.exit': ['The program runs to its end, with this exit code.', 'exit: 0'],
  'test.ready.timeout': [
    'How long the instance may take until it is ready, checks included.',
    'timeout: 90s',
  ],
  'test.checks': [
    'What has to work before the instance counts as ready: programs, ports or pages.',
    'checks: [{ tcp: 8080 }, { exec: [shop, --self-test] }]',
  ],
  'test.checks.exec': [
    'A program in the instance, with its arguments. It has to end with 0.',
    'exec: [shop, --self-test]',
  ],
  'test.checks.tcp': ['A port of the instance that has to accept a connection.', 'tcp: 8080'],
  'test.checks.http': [
    'A page, as the instance itself would ask for it.',
    "http: 'http://localhost:8080/health'",
  ],
  'test.checks.status': ['The status that the page has to answer with.', 'status: 204'],
  'test.checks.timeout': [
    'How long the check is repeated. Without it, the rest of the time to become ready.',
    'timeout: 20s',
  ],
  'test.checks.interval': ['The time between two tries.', 'interval: 2s'],
  'test.settle': [
    'How long the instance is watched once it is ready: nothing may fail in that time.',
    'settle: 10s',
  ],
  'test.stop': ['How an instance is stopped.', 'stop: { timeout: 60s }'],
  'test.stop.timeout': ['How long it may take to end after the stop signal.', 'timeout: 60s'],
  'test.allow': ['What may go wrong in a boot, by name.', 'allow: { units: [cups.service] }'],
  'test.allow.units': ['Units that may fail.', 'units: [cups.service]'],
  'test.instances': ['Instances that are booted side by side.', 'instances: 2'],
  'test.retries': [
    'How often a failed boot is repeated, on a fresh tree. Without it, not at all.',
    'retries: 1',
  ],
  'test.compare': ['Compares the boot with the last good one.', 'compare: { fatal: [units, ports] }'],
  'test.compare.fatal': ['What fails the boot if it has become worse.', 'fatal: [units, setuid]'],
  'test.compare.accept': ['What may have become worse.', "accept: ['tcp 8080', /usr/bin/su]"],
  publish: [
    'Where milliner publish and milliner release put the image.',
    "publish: { to: ['registry.example.com/{{name}}'], tags: [latest] }",
  ],
  'publish.to': ['Repositories of registries.', "to: ['registry.example.com/{{name}}']"],
  'publish.tags': [
    'Tags that move to the image: {{name}}, {{release}}, {{date}} and {{arch}} are filled in.',
    "tags: ['{{release}}', latest]",
  ],
};

/** Undefined for a key without words of its own. */
export function wordsOfKey(path: string): KeyWords | undefined {
  const [does, example] = (Object.hasOwn(table, path) ? table[path] : undefined) ?? [];
  return does === undefined || example === undefined ? undefined : { does, example };
}

export const wordedKeys = Object.keys(table);
