import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { kindOf, kindOfPlace } from './key-kinds.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const curve = randomBytes(32).toString('base64');

const body = 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n';
const prefixed = (text: string, size: 2 | 4) => {
  const length = Buffer.alloc(size);
  length.writeUIntBE(text.length, 0, size);
  return Buffer.concat([length, Buffer.from(text)]);
};
const u32 = (value: number) => Buffer.from(value.toString(16).padStart(8, '0'), 'hex');

/** As ktutil writes it: a name, its realm, a time, a version of the key, the key. */
function keytab(version: number): Buffer {
  const entry = Buffer.concat([
    Buffer.from([0, 2]),
    prefixed('EXAMPLE.COM', 2),
    prefixed('host', 2),
    prefixed('a.example.com', 2),
    u32(1),
    u32(1_700_000_000),
    Buffer.from([1, 0, 18]),
    prefixed('k'.repeat(32), 2),
  ]);
  return Buffer.concat([Buffer.from([5, version]), u32(entry.length), entry]);
}

/** A Java store, with an entry for each tag: 1 a key, 2 a certificate. */
function javaStore(magic: number, tags: number[]): Buffer {
  const certificate = Buffer.concat([prefixed('X.509', 2), prefixed('der', 4)]);
  const entries = tags.map((tag) =>
    Buffer.concat([
      u32(tag),
      prefixed('alias', 2),
      Buffer.alloc(8),
      ...(tag === 1 ? [prefixed('key', 4), u32(1)] : []),
      certificate,
    ]),
  );
  return Buffer.concat([u32(magic), u32(2), u32(tags.length), ...entries, Buffer.alloc(20)]);
}

describe('told by content, wherever it lies:', () => {
  test.each([
    ['PKCS #8 PEM', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' })],
    ['PKCS #1 PEM', rsa.privateKey.export({ type: 'pkcs1', format: 'pem' })],
    ['SEC 1 PEM', ec.privateKey.export({ type: 'sec1', format: 'pem' })],
    ['PKCS #8 DER', ec.privateKey.export({ type: 'pkcs8', format: 'der' })],
    ['PKCS #1 DER', rsa.privateKey.export({ type: 'pkcs1', format: 'der' })],
    [
      'encrypted PEM',
      ec.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }),
    ],
    ['OpenSSH', `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}`],
    ['GnuPG 1 armour', `-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v1\n\n${body}`],
    [
      'a key behind a certificate',
      `-----BEGIN CERTIFICATE-----\n${body}\n-----BEGIN PRIVATE KEY-----\n${body}`,
    ],
    ['GnuPG 2', '(11:private-key(3:rsa'],
    ['GnuPG 2.3', 'Created: 20260101T000000\nKey: (private-key (rsa (n #00'],
    ['rndc.key', `key "rndc-key" {\n\talgorithm hmac-sha256;\n\tsecret "${curve}";\n};\n`],
    ['session.key on one line', `key local-ddns { algorithm hmac-sha256; secret ${curve}; };`],
    [
      'dhcpd key in a configuration',
      `option x;\n  key omapi {\n algorithm hmac-md5;\n secret ${curve};\n}\n`,
    ],
    ['DNSSEC', `Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\nPrivateKey: ${curve}\n`],
    ['keytab', keytab(2)],
    ['wg0.conf', `[Interface]\nAddress = 10.0.0.1/24\nPrivateKey = ${curve}\n`],
    ['wg.netdev', `[NetDev]\nKind=wireguard\n[WireGuard]\nPrivateKey=${curve}\n`],
    ['a preshared key', `[Peer]\r\nPresharedKey = ${curve}\r\n`],
    ['NetworkManager connection', `[wireguard]\nprivate-key=${curve}\n`],
    ['OpenVPN', `-----BEGIN OpenVPN Static key V1-----\n${'0123456789abcdef'.repeat(2)}\n`],
    ['dropbear', Buffer.concat([prefixed('ssh-ed25519', 4), randomBytes(64)])],
    ['dropbear ECDSA', Buffer.concat([prefixed('ecdsa-sha2-nistp256', 4), randomBytes(64)])],
    ['JWK', JSON.stringify(ec.privateKey.export({ format: 'jwk' }))],
    ['symmetric JWK', JSON.stringify({ kty: 'oct', k: 'GawgguFyGrWKav7AX4VKUg' }, null, 2)],
    ['Java store', javaStore(0xfeedfeed, [1])],
    ['Java store, its key last', javaStore(0xfeedfeed, [2, 2, 1])],
    ['JCEKS', javaStore(0xcececece, [2, 1])],
    ['signify', `untrusted comment: signify secret key\n${'R'.repeat(60)}\n`],
    ['age', `# created: today\nAGE-SECRET-KEY-1${'Q'.repeat(58)}\n`],
    ['SNMP engine', 'oldEngineID 0x80001f8880e9630000d61ff449\n'],
    ['Ceph', `[client.admin]\n\tkey = AQ${'B'.repeat(34)}==\n`],
    ['iSCSI', 'InitiatorName=iqn.1994-05.com.redhat:c6f4ddcb8c5\n'],
    ['iSCSI by EUI', '# made\nInitiatorName = eui.02004567A425678D\n'],
    ['NVMe name', `nqn.2014-08.org.nvmexpress:uuid:${randomUUID()}\n`],
    ['MySQL', `[auto]\nserver-uuid=${randomUUID()}\n`],
  ])('%s', (_name, content) => {
    expect(kindOf(Buffer.from(content))).toBeDefined();
  });

  test.each([
    ['public PEM', rsa.publicKey.export({ type: 'spki', format: 'pem' })],
    ['public DER', rsa.publicKey.export({ type: 'spki', format: 'der' })],
    ['public JWK', JSON.stringify(ec.publicKey.export({ format: 'jwk' }))],
    ['text', 'private key'],
    ['a database of file types', 'application/x-pem-key\0-----BEGIN PRIVATE KEY-----\n\0\0\0'],
    ['a manual', 'The file begins with\n-----BEGIN PRIVATE KEY-----\nand then comes the key.'],
    ['nothing', ''],
    ['zeros', Buffer.alloc(100)],
    ['an ASN.1 sequence', Buffer.concat([Buffer.from([0x30, 62]), Buffer.alloc(62)])],
    [
      'named.conf with its keys elsewhere',
      'include "/etc/rndc.key";\ncontrols { inet * keys { rndc-key; }; };',
    ],
    ['an example without a secret', 'key "rndc-key" {\n algorithm hmac-sha256;\n secret "";\n};\n'],
    ['a public DNSKEY', `example. IN DNSKEY 257 3 13 ${curve}\n`],
    ["a peer's public key", `[Peer]\nPublicKey = ${curve}\n`],
    ['32 bytes in base64 of anything', `${curve}\n`],
    ["a program's two bytes", Buffer.from([5, 2, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])],
    ['a credentials cache', keytab(4)],
    ['a public SSH key', `ssh-ed25519 ${curve} root@host\n`],
    ['certificates of Java', javaStore(0xfeedfeed, [2, 2])],
    ['a store cut short', javaStore(0xfeedfeed, [2, 2]).subarray(0, 40)],
    ['initiator settings', '# InitiatorName=iqn.1994-05.com.redhat:x\nnode.startup = automatic\n'],
    ['a discovery NQN', 'nqn.2014-08.org.nvmexpress.discovery\n'],
    ['one-time words', '1 SHA1 of what\n'],
  ])('not %s', (_name, content) => {
    expect(kindOf(Buffer.from(content))).toBeUndefined();
  });
});

test.each([
  'etc/nvme/hostid',
  'etc/machine-info',
  'etc/hostid',
  'var/lib/cloud/data/instance-id',
  'var/lib/cloud/instances/i-0123/obj.pkl',
  'var/lib/krb5kdc/principal',
  'var/kerberos/krb5kdc/.k5.EXAMPLE.COM',
  'var/lib/NetworkManager/secret_key',
  'var/lib/systemd/credential.secret',
  'etc/munge/munge.key',
  'var/lib/rabbitmq/.erlang.cookie',
  'var/lib/samba/private/secrets.tdb',
])('%s is told by its place', (path) => {
  expect(kindOfPlace(path)).toBeDefined();
});

test.each([
  'etc/machine-id',
  'etc/cloud/cloud.cfg',
  'var/lib/cloud/seed/nocloud/meta-data',
  'etc/nvme/discovery.conf',
])('%s is not', (path) => {
  expect(kindOfPlace(path)).toBeUndefined();
});

test.each([
  ['etc/wireguard/privatekey', `${curve}\n`],
  ['etc/systemd/network/wg.key', `${curve}\n`],
  ['etc/chrony.keys', '1 SHA256 HEX:0123456789ABCDEF\n'],
  ['etc/ntp/keys', '10 M Pa55w0rdPa55\n'],
  ['etc/kernel/entry-token', `${'0a'.repeat(16)}\n`],
])('%s is told by both', (path, content) => {
  expect(kindOf(Buffer.from(content), path)).toBeDefined();
  expect(kindOf(Buffer.from(content), 'srv/elsewhere')).toBeUndefined();
  expect(kindOf(Buffer.from('other words\n'), path)).toBeUndefined();
});

/** A pattern that looks at each line as far as the file goes would take hours. */
test.each(['\n', ' ', '\t\n', 'key a {', '1 ', '-----BEGIN ', '{"kty"', 'a: b\n', 'PrivateKey = ', '(?'])(
  'a mebibyte of %j is no key',
  (unit) => {
    expect(kindOf(Buffer.from(unit.repeat(Math.ceil((1 << 20) / unit.length))), 'etc/keys')).toBeUndefined();
  },
);
