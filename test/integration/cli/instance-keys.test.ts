/** Keys and names of one machine that a scriptlet makes are in no image, and are told with their package. */
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Desk } from '../../helpers/milliner.ts';
import { layersOf, listTars } from '../../helpers/oci-layout.ts';
import { recipeOf } from '../../helpers/tiny/own-packages.ts';

let desk: Desk;
beforeAll(async () => {
  desk = await Desk.open();
});
afterAll(() => desk.remove());

const secret = randomBytes(32).toString('base64');
const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
// MIT's format: version, then an entry of 0x28 bytes: two names, realm, host, a time, a key of type 18.
const keytab = Buffer.from(
  '050200000028' +
    '0001' +
    '0007' +
    '4558414d504c45' +
    '0004' +
    '686f7374' +
    '00000001' +
    '65000000' +
    '01' +
    '0012' +
    '000a' +
    '00'.repeat(10),
  'hex',
);

const made: Record<string, { kind: string; content: string | Buffer }> = {
  '/etc/chrony.keys': { kind: 'NTP key', content: '1 SHA256 HEX:0123456789ABCDEF\n' },
  '/etc/dropbear/host_key': {
    kind: 'Dropbear host key',
    content: Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), randomBytes(64)]),
  },
  '/etc/iscsi/initiatorname.iscsi': {
    kind: 'iSCSI initiator name',
    content: 'InitiatorName=iqn.1994-05.com.redhat:c6f4ddcb8c5\n',
  },
  '/etc/krb5.keytab': { kind: 'Kerberos keytab', content: keytab },
  '/etc/machine-info': {
    kind: 'machine information',
    content: `KERNEL_INSTALL_MACHINE_ID=${'0a'.repeat(16)}\n`,
  },
  '/etc/nvme/hostid': { kind: 'NVMe host id', content: `${randomUUID()}\n` },
  '/etc/nvme/hostnqn': {
    kind: 'NVMe host name',
    content: `nqn.2014-08.org.nvmexpress:uuid:${randomUUID()}\n`,
  },
  '/etc/rndc.key': {
    kind: 'TSIG or rndc key',
    content: `key "rndc-key" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`,
  },
  '/etc/wireguard/wg0.conf': { kind: 'WireGuard key', content: `[Interface]\nPrivateKey = ${secret}\n` },
  '/srv/elsewhere/token.json': { kind: 'JSON Web Key', content: JSON.stringify(jwk) },
  '/srv/elsewhere/where nobody looks': { kind: 'Kerberos keytab', content: keytab },
  '/var/lib/cloud/data/instance-id': { kind: 'cloud-init instance', content: 'i-0123456789\n' },
};

const carried = 'InitiatorName=iqn.2026-01.invalid.packaged:every-machine';

test('what a scriptlet makes is removed and told; what a package carries stays', async () => {
  const writes = Object.entries(made).flatMap(([path, { content }]) => [
    `mkdir -p "${path.slice(0, path.lastIndexOf('/'))}"`,
    `echo ${Buffer.from(content).toString('base64')} | base64 -d >"${path}"`,
  ]);
  const recipe = await recipeOf(
    desk,
    'instancekeys',
    [
      {
        name: 'makes-keys',
        sections: ['%post -n makes-keys', ...writes].join('\n'),
        files: '/etc/packaged.iscsi',
      },
    ],
    { install: `mkdir -p %{buildroot}/etc\necho ${carried} >%{buildroot}/etc/packaged.iscsi` },
  );
  await desk.build(recipe, '--output', desk.path('oci'));
  const { report } = await desk.json<{
    report: { removedKeys: { path: string; kind: string; package: string }[] };
  }>(['inspect', 'instancekeys']);
  expect(report.removedKeys.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual(
    Object.entries(made).map(([path, { kind }]) => ({
      path,
      kind,
      package: expect.stringMatching(/^makes-keys-1-1/) as string,
    })),
  );
  const paths = listTars(await layersOf(desk.path('oci'))).split('\n');
  expect(paths.filter((path) => Object.hasOwn(made, `/${path}`))).toEqual([]);
  expect(paths).toContain('etc/packaged.iscsi');
});
