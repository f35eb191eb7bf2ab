import { asSuperuser } from './database';
import { unique } from './fixtures';
import { serverUrl } from './server';

export interface DatabaseRole {
  readonly name: string;
  /** The server's URL, with this role. */
  readonly url: string;
  /** The databases that it owns, in the order of their names. */
  databases(): Promise<string[]>;
  /** Drops it and its databases. */
  drop(): Promise<void>;
}

/** A role of its own, so that its databases are told from those of other test files. */
export async function createRole(attributes: string): Promise<DatabaseRole> {
  const name = unique('role').replace(/\W/g, '_');
  await asSuperuser((client) => client.query(`CREATE ROLE ${name} LOGIN PASSWORD 'secret' ${attributes}`));
  const databases = () =>
    asSuperuser(async (client): Promise<string[]> => {
      const { rows } = await client.query(
        `SELECT d.datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = $1 ORDER BY d.datname`,
        [name],
      );
      return rows.map(({ datname }) => datname);
    });
  return {
    name,
    url: Object.assign(new URL(serverUrl()), { username: name, password: 'secret' }).href,
    databases,
    drop: async () => {
      for (const each of await databases()) await asSuperuser((client) => client.query(`DROP DATABASE ${each}`));
      await asSuperuser((client) => client.query(`DROP ROLE ${name}`));
    },
  };
}
