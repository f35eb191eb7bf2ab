import { generateKeyPairSync } from 'node:crypto';
import { md, pki } from 'node-forge';

const DAY_MS = 86_400_000;

/** A certificate and its key, in PEM. */
export interface Certificate {
  cert: string;
  key: string;
}

export interface Leaf {
  /** The common name. */
  name: string;
  /** Host names and IP addresses. */
  hosts?: string[];
  /** Days from now at which it becomes valid and expires. */
  validDays?: [number, number];
  /** Whether it is the certificate of an authority. */
  isAuthority?: boolean;
}

/** A certificate authority of the test's own. */
export class Authority implements Certificate {
  readonly cert: string;
  readonly key: string;

  constructor(private readonly name: string) {
    const certificate = unsigned(
      name,
      [-1, 30],
      [
        { name: 'basicConstraints', cA: true, critical: true },
        { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
        { name: 'subjectKeyIdentifier' },
      ],
    );
    this.key = certificate.key;
    this.cert = sign(certificate, name, this.key);
  }

  issue({ name, hosts = [], validDays = [-1, 30] }: Leaf): Certificate {
    const certificate = unsigned(name, validDays, leafExtensions(hosts));
    return { cert: sign(certificate, this.name, this.key), key: certificate.key };
  }
}

/** A self-signed certificate of a server. */
export function selfSigned({ name, hosts = [], validDays = [-1, 30], isAuthority = false }: Leaf): Certificate {
  const extensions = isAuthority
    ? [{ name: 'basicConstraints', cA: true }, ...altNamesOf(hosts)]
    : leafExtensions(hosts);
  const certificate = unsigned(name, validDays, extensions);
  return { cert: sign(certificate, name, certificate.key), key: certificate.key };
}

function leafExtensions(hosts: string[]): object[] {
  return [
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
    ...altNamesOf(hosts),
  ];
}

function altNamesOf(hosts: string[]): object[] {
  const altNames = hosts.map((host) => (/^[\d.]+$/.test(host) ? { type: 7, ip: host } : { type: 2, value: host }));
  return altNames.length > 0 ? [{ name: 'subjectAltName', altNames }] : [];
}

let serial = 1;

function unsigned(name: string, [from, to]: [number, number], extensions: object[]) {
  // Node's own generator is much faster than the library's.
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = pki.createCertificate();
  certificate.publicKey = pki.publicKeyFromPem(keys.publicKey);
  certificate.serialNumber = (serial++).toString(16).padStart(2, '0');
  certificate.validity.notBefore = new Date(Date.now() + from * DAY_MS);
  certificate.validity.notAfter = new Date(Date.now() + to * DAY_MS);
  certificate.setSubject([{ name: 'commonName', value: name }]);
  certificate.setExtensions(extensions);
  return { certificate, key: keys.privateKey };
}

function sign({ certificate }: ReturnType<typeof unsigned>, issuer: string, key: string): string {
  certificate.setIssuer([{ name: 'commonName', value: issuer }]);
  certificate.sign(pki.privateKeyFromPem(key), md.sha256.create());
  return pki.certificateToPem(certificate);
}
