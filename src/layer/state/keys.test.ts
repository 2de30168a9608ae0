import { generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { kindOf } from './keys.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const body = 'b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n';

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
])('%s is a private key', (_name, content) => {
  expect(kindOf(Buffer.from(content))).toBeDefined();
});

test.each([
  ['public PEM', rsa.publicKey.export({ type: 'spki', format: 'pem' })],
  ['public DER', rsa.publicKey.export({ type: 'spki', format: 'der' })],
  ['text', 'private key'],
  ['a database of file types', 'application/x-pem-key\0-----BEGIN PRIVATE KEY-----\n\0\0\0'],
  ['a manual', 'The file begins with\n-----BEGIN PRIVATE KEY-----\nand then comes the key.'],
  ['nothing', ''],
  ['zeros', Buffer.alloc(100)],
  ['an ASN.1 sequence', Buffer.concat([Buffer.from([0x30, 62]), Buffer.alloc(62)])],
])('%s is none', (_name, content) => {
  expect(kindOf(Buffer.from(content))).toBeUndefined();
});
