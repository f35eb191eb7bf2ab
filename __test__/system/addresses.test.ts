/** A host name with several addresses, some of which do not answer. The tests need `unshare` and `mount`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Authority } from '../helpers/certificates';
import { runScript } from '../helpers/process';
import { startTlsServer, type TlsServer } from '../helpers/tls-server';

const UNSHARE = ['unshare', ...(process.getuid?.() === 0 ? [] : ['--map-root-user']), '--mount'];

let directory: string;
let server: TlsServer;
let authority: Authority;
const silent: { process: ChildProcess; sockets: Socket[] }[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'auth-addresses-'));
  server = await startTlsServer();
  authority = new Authority('an authority');
  await server.serve(authority.issue({ name: 'many.test', hosts: ['many.test'] }));
  const port = Number(new URL(server.url).port);
  await makeSilent('127.0.0.2', port);
  await makeSilent('::1', port);
  // Makes the tables, which is not a matter of addresses.
  await connectTo(['127.0.0.1']);
}, 60_000);

afterAll(async () => {
  for (const { process: stopped, sockets } of silent) {
    for (const socket of sockets) socket.destroy();
    stopped.kill('SIGKILL');
  }
  await server.stop();
  rmSync(directory, { recursive: true });
});

/** Makes an address stop answering, as behind a firewall, by filling its queue of connections. */
async function makeSilent(host: string, port: number) {
  const script = `require('node:net').createServer().listen({ port: ${port}, host: '${host}', backlog: 1 }, () => console.log('up'))`;
  const child = spawn(process.execPath, ['--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  child.kill('SIGSTOP');
  const sockets: Socket[] = [];
  silent.push({ process: child, sockets });
  for (;;) {
    const socket = connect({ host, port });
    sockets.push(socket.on('error', () => undefined));
    const isTaken = await Promise.race([
      new Promise((resolve) => socket.once('connect', () => resolve(true))),
      new Promise((resolve) => setTimeout(() => resolve(false), 300)),
    ]);
    if (!isTaken) return;
  }
}

const SCRIPT = `
  import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
  const { url, options } = JSON.parse(process.env.GIVEN);
  const storage = new PostgresStorageAdapter(url, options);
  const started = performance.now();
  const outcome = await storage.connect().then(() => 'connected', ({ code, message, cause, context }) => ({ code, message, cause: cause?.code, context }));
  console.log(JSON.stringify({ outcome, ms: performance.now() - started }));
  await storage.disconnect();`;

/** The outcome of `connect()` in a process for which `many.test` has these addresses. */
async function connectTo(addresses: string[], options: object = {}, hostname = 'many.test') {
  const hosts = join(directory, 'hosts');
  const resolver = join(directory, 'resolv.conf');
  writeFileSync(hosts, addresses.map((address) => `${address} many.test\n`).join(''));
  // Nobody answers there, and the system says so at once.
  writeFileSync(resolver, 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
  const url = new URL(server.url);
  url.hostname = hostname;
  const mounted = `mount --bind ${hosts} /etc/hosts && mount --bind ${resolver} /etc/resolv.conf && exec "$@"`;
  const { stdout, stderr } = await runScript(SCRIPT, {
    env: { GIVEN: JSON.stringify({ url: url.href, options }) },
    under: [...UNSHARE, 'sh', '-c', mounted, 'sh'],
  });
  expect(stderr).toBe('');
  return JSON.parse(stdout) as { outcome: unknown; ms: number };
}

const WAYS: [string, () => object][] = [
  ['in plain text', () => ({})],
  ['with TLS', () => ({ ssl: { ca: authority.cert } })],
  ['with keepAlive', () => ({ keepAlive: true })],
];

describe.each(WAYS)('connect() %s', (_, options) => {
  it.each([
    ['the only one', ['127.0.0.1']],
    ['behind one that refuses', ['127.0.0.3', '127.0.0.1']],
    ['before a silent one', ['127.0.0.1', '127.0.0.2']],
  ])('reaches an address at once that is %s', async (_, addresses) => {
    const { outcome, ms } = await connectTo(addresses, options());
    expect(outcome).toBe('connected');
    expect(ms).toBeLessThan(1_500);
  });

  it.each([
    ['one that is silent', ['127.0.0.2', '127.0.0.1']],
    ['a silent one of IPv6', ['::1', '127.0.0.1']],
    ['two that are silent', ['::1', '127.0.0.2', '127.0.0.1']],
  ])('reaches an address soon that is behind %s', async (_, addresses) => {
    const { outcome, ms } = await connectTo(addresses, options());
    expect(outcome).toBe('connected');
    expect(ms).toBeLessThan(2_500);
  });

  it('names the host and the reason when no address answers', async () => {
    const { outcome } = await connectTo(['127.0.0.3', '127.0.0.4'], options());
    expect(outcome).toMatchObject({ code: 'auth_postgres/connection_failed', cause: 'ECONNREFUSED' });
    const { outcome: waited } = await connectTo(['127.0.0.2', '::1'], { ...options(), connectionTimeoutMillis: 1_000 });
    expect(waited).toMatchObject({ code: 'auth_postgres/connection_failed', cause: 'ETIMEDOUT' });
    expect(waited).toMatchObject({ message: expect.stringContaining('many.test:'), context: { host: 'many.test' } });
  });

  it('reports EAI_AGAIN when the name server cannot be asked', async () => {
    const { outcome } = await connectTo(['127.0.0.1'], options(), 'other.test');
    expect(outcome).toMatchObject({ code: 'auth_postgres/connection_failed', cause: 'EAI_AGAIN' });
  });
});

it('connect() requires a certificate for the host name, whichever address it uses', async () => {
  await server.serve(authority.issue({ name: 'other.test', hosts: ['other.test'] }));
  for (const addresses of [['127.0.0.1'], ['127.0.0.2', '127.0.0.1']]) {
    const { outcome } = await connectTo(addresses, { ssl: { ca: authority.cert } });
    expect(outcome).toMatchObject({ code: 'auth_postgres/tls_failed', cause: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  }
});
