/** Certificate authorities, client certificates and server names in every form, and the errors when one is wrong. */
import { createPrivateKey, randomUUID } from 'node:crypto';
import { InternalError, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Authority, selfSigned } from './helpers/certificates';
import type { AdapterOptions } from './helpers/database';
import { expectCode } from './helpers/errors';
import { runScript } from './helpers/process';
import { startTlsServer, type TlsServer } from './helpers/tls-server';

const authority = new Authority('Test Authority');
const other = new Authority('Other Authority');
const hosts = ['localhost', '127.0.0.1'];
const serverCertificate = authority.issue({ name: 'db', hosts });
const client = authority.issue({ name: 'mtls_user' });
const ca = authority.cert;

let server: TlsServer;

beforeAll(async () => {
  server = await startTlsServer();
  await server.demandCertificate('mtls_user', authority.cert);
});
beforeEach(() => server.serve(serverCertificate));
afterAll(() => server.stop());

/** The server's URL with something changed. */
function urlWith(
  parameters: Record<string, string>,
  { user, host = '127.0.0.1' }: { user?: string; host?: string } = {},
) {
  const url = new URL(server.url);
  url.hostname = host;
  if (user !== undefined) {
    url.username = user;
    url.password = '';
  }
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** Checks that the adapter gets through, encrypted; the server has none of our tables. */
async function expectEncrypted(url: string, options: AdapterOptions = {}) {
  const application_name = randomUUID();
  const storage = new PostgresStorageAdapter(url, { ...options, application_name });
  try {
    await expectCode(storage.getUser('x'), 'schema_mismatch');
    expect(await server.encrypted(application_name)).toEqual([true]);
  } finally {
    await storage.disconnect();
  }
}

async function expectRefused(
  url: string,
  options: AdapterOptions,
  code: Parameters<typeof expectCode>[1] = 'tls_failed',
) {
  const storage = new PostgresStorageAdapter(url, options);
  try {
    return await expectCode(storage.connect(), code);
  } finally {
    await storage.disconnect();
  }
}

function invalidInput(url: string, options: AdapterOptions): InternalError {
  try {
    new PostgresStorageAdapter(url, options);
  } catch (error) {
    expect(error).toBeInstanceOf(InternalError);
    expect(error).toMatchObject({ code: 'auth_postgres/invalid_input', context: { operation: 'constructor' } });
    return error as InternalError;
  }
  throw new Error('expected a refusal');
}

describe('the certificate authority', () => {
  it.each<[string, () => [string, AdapterOptions]]>([
    ['as text', () => [server.url, { ssl: { ca } }]],
    ['as a Buffer', () => [server.url, { ssl: { ca: Buffer.from(ca) } }]],
    ['as a list', () => [server.url, { ssl: { ca: [other.cert, Buffer.from(ca)] } }]],
    ['among others', () => [server.url, { ssl: { ca: other.cert + ca } }]],
    ['as a file', () => [urlWith({ sslrootcert: server.file('ca.crt', ca) }), {}]],
    ['as a file, beside `ssl: true`', () => [urlWith({ sslrootcert: server.file('ca.crt', ca) }), { ssl: true }]],
  ])('is accepted %s', async (_, given) => {
    await expectEncrypted(...given());
  });

  it('may be the server’s certificate itself', async () => {
    const certificate = selfSigned({ name: 'db', hosts });
    await server.serve(certificate);
    await expectEncrypted(server.url, { ssl: { ca: certificate.cert } });
  });

  it('cannot be the server’s certificate if that is marked as an authority (CA:TRUE)', async () => {
    const certificate = selfSigned({ name: 'db', hosts, isAuthority: true });
    await server.serve(certificate);
    const error = await expectRefused(server.url, { ssl: { ca: certificate.cert } });
    expect(error.message).toContain('CA:TRUE');
  });

  const script = (url: string, ssl: object) => `
    import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
    const storage = new PostgresStorageAdapter(${JSON.stringify(url)}, { ssl: ${JSON.stringify(ssl)} });
    await storage.getUser('x').catch((error) => console.log(error.code));
    await storage.disconnect();`;

  it('is one of the system or of NODE_EXTRA_CA_CERTS by default', async () => {
    const file = server.file('ca.crt', ca);
    for (const variable of ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS']) {
      const trusting = await runScript(script(server.url, {}), { env: { [variable]: file } });
      expect(trusting.stdout).toBe('auth_postgres/schema_mismatch\n');
    }
    const distrusting = await runScript(script(server.url, {}));
    expect(distrusting.stdout).toBe('auth_postgres/tls_failed\n');
  });

  it('that is given replaces those of the system', async () => {
    const env = { SSL_CERT_FILE: server.file('ca.crt', ca), NODE_EXTRA_CA_CERTS: server.file('ca.crt', ca) };
    const { stdout } = await runScript(script(server.url, { ca: other.cert }), { env });
    expect(stdout).toBe('auth_postgres/tls_failed\n');
  });
});

describe('a server certificate', () => {
  it.each([
    [
      'that has expired',
      authority.issue({ name: 'db', hosts, validDays: [-9, -1] }),
      'CERT_HAS_EXPIRED',
      'has expired',
    ],
    [
      'that is not valid yet',
      authority.issue({ name: 'db', hosts, validDays: [2, 9] }),
      'CERT_NOT_YET_VALID',
      'not valid yet',
    ],
    [
      'for another host',
      authority.issue({ name: 'db', hosts: ['db.example'] }),
      'ERR_TLS_CERT_ALTNAME_INVALID',
      'for another host name',
    ],
    ['of another authority', other.issue({ name: 'db', hosts }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'not trusted'],
    ['that vouches for itself', selfSigned({ name: 'db', hosts }), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'not trusted'],
  ])('%s is rejected, and the error gives the reason', async (_, certificate, code, words) => {
    await server.serve(certificate);
    const error = await expectRefused(server.url, { ssl: { ca } });
    expect(error.message).toContain(words);
    expect(error.cause).toMatchObject({ name: 'TlsError', code });
    expect(error.retryable).toBe(false);
  });

  it('is checked against the option `servername` if that is given', async () => {
    await server.serve(authority.issue({ name: 'db', hosts: ['db.example'] }));
    await expectEncrypted(server.url, { ssl: { ca, servername: 'db.example' } });
    const error = await expectRefused(server.url, { ssl: { ca, servername: 'other.example' } });
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  });

  it('is checked against the IP address if the host is one', async () => {
    await server.serve(authority.issue({ name: 'db', hosts: ['localhost'] }));
    const error = await expectRefused(server.url, { ssl: { ca } });
    expect(error.cause).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
    await expectEncrypted(urlWith({}, { host: 'localhost' }), { ssl: { ca } });
  });
});

describe('a client certificate', () => {
  const { cert, key } = client;
  const protectedKey = (cipher = 'aes-256-cbc') =>
    createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher, passphrase: 'hunter2' }).toString();

  it.each<[string, () => [Record<string, string>, AdapterOptions]]>([
    ['as text', () => [{}, { ssl: { ca, cert, key } }]],
    ['as Buffers', () => [{}, { ssl: { ca, cert: Buffer.from(cert), key: Buffer.from(key) } }]],
    ['with a protected key', () => [{}, { ssl: { ca, cert, key: protectedKey(), passphrase: 'hunter2' } }]],
    ['without verifying the server', () => [{}, { ssl: { rejectUnauthorized: false, cert, key } }]],
    [
      'as files',
      () => {
        const file = (name: string, text: string) => server.file(name, text);
        return [{ sslrootcert: file('ca.crt', ca), sslcert: file('c.crt', cert), sslkey: file('c.key', key) }, {}];
      },
    ],
  ])('is sent %s', async (_, given) => {
    const [parameters, options] = given();
    await expectEncrypted(urlWith({ dbname: 'postgres', ...parameters }, { user: 'mtls_user' }), options);
  });

  it('is read from PGSSLCERT and PGSSLKEY, and the authority from PGSSLROOTCERT', async () => {
    const variables = {
      PGSSLROOTCERT: server.file('env-ca.crt', ca),
      PGSSLCERT: server.file('env-c.crt', cert),
      PGSSLKEY: server.file('env-c.key', key),
    };
    Object.assign(process.env, variables);
    try {
      await expectEncrypted(urlWith({ dbname: 'postgres', sslmode: 'verify-full' }, { user: 'mtls_user' }));
      process.env.PGSSLROOTCERT = server.file('env-other.crt', other.cert);
      await expectRefused(urlWith({ sslmode: 'verify-full' }, { user: 'mtls_user' }), {});
    } finally {
      for (const name of Object.keys(variables)) delete process.env[name];
    }
  });

  it('that is missing is reported when the server requires one', async () => {
    const error = await expectRefused(urlWith({}, { user: 'mtls_user' }), { ssl: { ca } }, 'authentication_failed');
    expect(error.cause?.message).toContain('certificate');
  });

  it('of another authority is refused by the server, and the error says so', async () => {
    const stranger = other.issue({ name: 'mtls_user' });
    const error = await expectRefused(urlWith({}, { user: 'mtls_user' }), { ssl: { ca, ...stranger } });
    expect(error.message).toContain('refused the client certificate');
  });

  it.each<[string, AdapterOptions, string, string]>([
    ['a certificate without a key', { ssl: { cert } }, 'ssl.cert', 'needs its key'],
    ['a key without a certificate', { ssl: { key } }, 'ssl.key', 'needs its certificate'],
    ['the key of another certificate', { ssl: { cert, key: serverCertificate.key } }, 'ssl.key', 'not the key'],
    ['a protected key without its passphrase', { ssl: { cert, key: protectedKey() } }, 'ssl.key', 'is encrypted'],
    ['a wrong passphrase', { ssl: { cert, key: protectedKey(), passphrase: 'wrong' } }, 'ssl.key', 'cannot be opened'],
    ['a certificate for a key', { ssl: { cert, key: cert } }, 'ssl.key', 'private key in PEM'],
    ['a key for a certificate', { ssl: { cert: key, key } }, 'ssl.cert', 'certificate in PEM'],
    ['text that is no PEM', { ssl: { ca: 'hunter2' } }, 'ssl.ca', 'certificate in PEM'],
    ['a broken PEM', { ssl: { ca: ca.replace('MII', 'hunter2') } }, 'ssl.ca', 'certificate'],
    ['a number in place of a certificate', { ssl: { ca: 7 as never } }, 'ssl.ca', 'must be PEM text'],
    ['a malformed server name', { ssl: { servername: 'a b' } }, 'ssl.servername', 'host name'],
    [
      'an option of tls.connect that is not supported',
      { ssl: { checkServerIdentity: () => undefined } as never },
      'ssl.checkServerIdentity',
      'servername',
    ],
    ['an unknown option of ssl', { ssl: { pfx: 'x' } as never }, 'ssl.pfx', 'not known'],
    [
      'a misspelt option of ssl',
      { ssl: { rejectUnauthorised: false } as never },
      'ssl.rejectUnauthorised',
      '`rejectUnauthorized`',
    ],
    ['a word in place of the options', { ssl: 'require' as never }, 'ssl', 'true, false or an object'],
  ])('%s is rejected by the constructor', (_, options, field, words) => {
    const error = invalidInput(server.url, options);
    expect(error.context).toMatchObject({ field });
    expect(error.message).toContain(words);
    expect(error.message).not.toContain('hunter2');
  });

  it.each(['sslrootcert', 'sslcert', 'sslkey'])('a missing file of %s is rejected by the constructor', (parameter) => {
    const error = invalidInput(urlWith({ [parameter]: '/nowhere/hunter2' }), {});
    expect(error.context).toMatchObject({ field: parameter });
    expect(error.message).toContain('cannot be read');
    expect(error.message).not.toContain('hunter2');
  });
});
