/**
 * Recognizes content that must be unique for each instance: private keys and identifiers. It looks at the content where
 * possible, because a list of paths would be incomplete, and at the path where the content is only a number.
 */
import { createPrivateKey } from 'node:crypto';
import { hasJavaKey } from './java-keystore.ts';

interface KeyKind {
  kind: string;
  /** Without leading slash. If `content` is given too, both must match. */
  path?: RegExp;
  /** Gets the file's bytes, and the same as ISO 8859-1 text. */
  content?: (bytes: Buffer, text: string) => boolean;
}

/**
 * A pattern that may match at any line must not cross line ends before its first word, because files are untrusted and
 * the match could take too long.
 */
const matches = (pattern: RegExp) => (_bytes: Buffer, text: string) => pattern.test(text);
const uuid = '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}';

/** The armour alone also occurs in databases of file types, so base64 text must follow it. */
const pem =
  /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----\r?\n(?:[A-Za-z-]+: .*\r?\n|\r?\n)*[A-Za-z0-9+/=]{16,}/m;
const gnupg = /^(?:\(?\d*:?\(?(?:protected-|shadowed-)?private-key|Key: \(private-key)/m;

const keys: KeyKind[] = [
  { kind: 'PEM private key', content: matches(pem) },
  { kind: 'DER private key', content: isDer },
  { kind: 'Java key store', content: hasJavaKey },
  { kind: 'GnuPG private key', content: matches(gnupg) },
  { kind: 'PuTTY private key', content: matches(/^PuTTY-User-Key-File-/) },
  { kind: 'Dropbear host key', content: isDropbear },
  { kind: 'age identity', content: matches(/^AGE-SECRET-KEY-1/m) },
  {
    kind: 'minisign or signify secret key',
    content: matches(/^untrusted comment: .*secret key\r?\n[A-Za-z0-9+/]{40}/),
  },
  {
    kind: 'OpenVPN static key',
    content: matches(/^-----BEGIN OpenVPN (?:Static key|tls-crypt)[^\n]*\n[0-9A-Za-z+/=]{16}/m),
  },
  {
    kind: 'WireGuard key',
    content: matches(
      /^[ \t]*(?:PrivateKey|PresharedKey|private-key)[ \t]*=[ \t]*[A-Za-z0-9+/]{43}=[ \t\r]*$/m,
    ),
  },
  { kind: 'WireGuard key', path: /^etc\/(?:wireguard|systemd\/network)\//, content: isCurveKey },
  {
    kind: 'TSIG or rndc key',
    content: matches(/^[ \t]*key\s+"?[\w.-]+"?\s*\{[^{}]*\bsecret\s+"?[A-Za-z0-9+/=]{16,}"?\s*;/m),
  },
  {
    kind: 'DNSSEC private key',
    content: matches(/^Private-key-format: v\d[^]*^(?:PrivateKey|PrivateExponent): \S{16}/m),
  },
  { kind: 'Kerberos keytab', content: isKeytab },
  { kind: 'Kerberos database', path: /^var\/(?:kerberos|lib)\/krb5kdc\/(?:principal|\.k5\.)[^/]*$/ },
  { kind: 'JSON Web Key', content: matches(/^\s*\{(?=[^]*"kty"\s*:)(?=[^]*"[dk]"\s*:\s*"[\w-]{16})/) },
  {
    kind: 'NTP key',
    content: matches(/^[ \t]*\d+[ \t]+(?:M|MD5|SHA\d+|AES\w+)[ \t]+(?:HEX:[0-9A-Fa-f]{8}|[!-~]{8})/m),
    path: /\bkeys?$/,
  },
  { kind: 'SNMP user', content: matches(/^(?:usmUser|oldEngineID)\s+\S/m) },
  { kind: 'Ceph key', content: matches(/^[ \t]*key[ \t]*=[ \t]*AQ[A-Za-z0-9+/]{30,60}={0,2}[ \t\r]*$/m) },
  { kind: 'Tor onion key', content: matches(/^== (?:ed25519v1|ed25519)-?\w*secret/) },
  { kind: 'NetworkManager secret key', path: /^var\/lib\/NetworkManager\/secret_key$/ },
  { kind: 'key of systemd credentials', path: /^var\/lib\/systemd\/credential\.secret$/ },
  {
    kind: 'cluster key',
    path: /^etc\/(?:corosync|pacemaker)\/authkey$|^etc\/munge\/munge\.key$|\/\.erlang\.cookie$/,
  },
  { kind: 'Samba secrets', path: /\/secrets\.tdb$/ },
];

const names: KeyKind[] = [
  { kind: 'iSCSI initiator name', content: matches(/^[ \t]*InitiatorName[ \t]*=[ \t]*(?:iqn|eui|naa)\./m) },
  {
    kind: 'NVMe host name',
    content: matches(new RegExp(String.raw`^nqn\.\d{4}-\d{2}\.\S+:uuid:${uuid}\s*$`)),
  },
  { kind: 'NVMe host id', path: /^etc\/nvme\/hostid$/ },
  { kind: 'machine information', path: /^etc\/machine-info$/ },
  {
    kind: "kernel-install's token",
    path: /^etc\/kernel\/entry-token$/,
    content: matches(/^[0-9a-f]{32}\s*$/),
  },
  { kind: 'host id', path: /^etc\/hostid$/ },
  { kind: 'cloud-init instance', path: /^var\/lib\/cloud\/(?:data|instances|sem|handlers)\// },
  { kind: 'MySQL server id', content: matches(new RegExp(String.raw`^\[auto\]\s+server-uuid=${uuid}`, 'm')) },
  { kind: 'Insights machine id', path: /^etc\/insights-client\/machine-id$/ },
  { kind: 'Salt minion id', path: /^etc\/salt\/minion_id$/ },
];

const byPlace = [...keys, ...names].filter(({ content }) => !content);
const byContent = [...keys, ...names].filter(({ content }) => content);

/** @param path without leading slash; undefined if the path alone is not enough */
export function kindOfPlace(path: string): string | undefined {
  return byPlace.find((one) => one.path!.test(path))?.kind;
}

/** @param path without leading slash */
export function kindOf(bytes: Buffer, path = ''): string | undefined {
  const text = bytes.toString('latin1');
  return byContent.find((one) => (one.path?.test(path) ?? true) && one.content!(bytes, text))?.kind;
}

/** A DER SEQUENCE of exactly this length that OpenSSL reads as a key; PKCS #12 stores begin with version 3. */
function isDer(bytes: Buffer): boolean {
  if (bytes.length < 32 || bytes[0] !== 0x30) return false;
  if (isPkcs12(bytes)) return true;
  return (['pkcs8', 'pkcs1', 'sec1'] as const).some((type) => {
    try {
      return createPrivateKey({ key: bytes, format: 'der', type }) !== undefined;
    } catch {
      return false; // not a key of this type: that is the answer
    }
  });
}

function isPkcs12(bytes: Buffer): boolean {
  const version = Buffer.from([0x02, 0x01, 0x03, 0x30]);
  const content = Buffer.from([0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07]);
  return bytes.subarray(2, 16).includes(version) && bytes.subarray(0, 48).includes(content);
}

/** A key in SSH's wire format, which begins with its algorithm; public keys are not stored so. */
function isDropbear(bytes: Buffer): boolean {
  if (bytes.length < 32) return false;
  const length = bytes.readUInt32BE(0);
  return length < 64 && /^(?:ssh-|ecdsa-sha2-)[a-z0-9-]+$/.test(bytes.toString('latin1', 4, 4 + length));
}

/** 32 bytes in base64, as wg(8) writes them, or raw; a public key looks the same. */
function isCurveKey(bytes: Buffer, text: string): boolean {
  return bytes.length === 32 || /^[A-Za-z0-9+/]{43}=\s*$/.test(text);
}

/** MIT Kerberos, "The Keytab Binary File Format": version 5.1 or 5.2, then an entry with its length and a realm. */
function isKeytab(bytes: Buffer): boolean {
  if (bytes.length < 12 || bytes[0] !== 5 || (bytes[1] !== 1 && bytes[1] !== 2)) return false;
  const isLittle = bytes[1] === 1;
  const size = Math.abs(isLittle ? bytes.readInt32LE(2) : bytes.readInt32BE(2));
  if (size < 8 || 6 + size > bytes.length) return false;
  const realm = isLittle ? bytes.readUInt16LE(8) : bytes.readUInt16BE(8);
  return realm > 0 && realm <= size - 4 && /^[\x20-\x7e]+$/.test(bytes.toString('latin1', 10, 10 + realm));
}
