import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { startPostgres } from '../../scripts/test/postgres-server.cjs';
import type { Certificate } from './certificates';

export interface TlsServer {
  /** The superuser's URL on 127.0.0.1, with no parameter about TLS. */
  url: string;
  /** Writes a file that the server and the test can read, and returns its path. */
  file(name: string, text: string): string;
  /** Turns TLS on with that certificate, or off, for connections that are made from now on. */
  serve(certificate: Certificate | undefined): Promise<void>;
  /** Demands, for a user, a client certificate from that authority whose common name is the user's. */
  demandCertificate(user: string, authority: string): Promise<void>;
  /** The TLS state of the connections with that application name, `false` for plain text. */
  encrypted(applicationName: string): Promise<boolean[]>;
  stop(): Promise<void>;
}

/** A PostgreSQL server of the test's own, whose TLS can be changed while it runs. */
export async function startTlsServer(): Promise<TlsServer> {
  const server = await startPostgres();
  const { uid, gid } = statSync(server.directory);
  let written = 0;

  const write = (path: string, text: string) => {
    writeFileSync(path, text);
    // The server takes no key that others can read.
    chmodSync(path, 0o600);
    if (process.getuid?.() === 0) chownSync(path, uid, gid);
    return path;
  };
  const file = (name: string, text: string) => write(join(server.directory, `${written++}-${name}`), text);

  const query = async (sql: string, parameters?: unknown[]) => {
    const client = new Client({ connectionString: server.url, ssl: false });
    await client.connect();
    try {
      return (await client.query(sql, parameters)).rows;
    } finally {
      await client.end();
    }
  };
  /** Changes settings and waits until new connections see them. */
  const set = async (settings: Record<string, string>) => {
    for (const [name, value] of Object.entries(settings)) await query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await query('SELECT pg_reload_conf()');
    for (const [name, value] of Object.entries(settings)) {
      while ((await query('SELECT current_setting($1) AS value', [name]))[0].value !== value) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };

  return {
    url: server.url,
    file,
    serve: (certificate) =>
      certificate
        ? set({
            ssl_cert_file: file('server.crt', certificate.cert),
            ssl_key_file: file('server.key', certificate.key),
            ssl: 'on',
          })
        : set({ ssl: 'off' }),
    async demandCertificate(user, authority) {
      const rules = join(server.directory, 'data', 'pg_hba.conf');
      write(rules, `hostssl all ${user} all cert\n${readFileSync(rules, 'utf8')}`);
      await query(`CREATE ROLE ${user} LOGIN`);
      await set({ ssl_ca_file: file('client-ca.crt', authority) });
    },
    encrypted: async (applicationName) =>
      (
        await query(`SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = $1`, [
          applicationName,
        ])
      ).map(({ ssl }) => ssl),
    stop: server.stop,
  };
}
