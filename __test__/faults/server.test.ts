/** The server as a whole: full, read-only. */
import { useOwnServer } from './helpers/own-server';
import { scenario } from './helpers/scenario';

const own = useOwnServer({ settings: { max_connections: '20' } });

scenario(own, {
  title: 'the server has gone read-only (default_transaction_read_only)',
  break: async () => {
    await own.asSuperuser('ALTER SYSTEM SET default_transaction_read_only = on');
    await own.asSuperuser('SELECT pg_reload_conf()');
  },
  heal: async () => {
    await own.asSuperuser('ALTER SYSTEM RESET default_transaction_read_only');
    await own.asSuperuser('SELECT pg_reload_conf()');
  },
  sees: ['read_only', 'pool_timeout'],
});

scenario(own, {
  title: 'the disk is full (a trigger raises 53100 at every insert)',
  break: async () => {
    await own.query(`CREATE FUNCTION disk_full() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$`);
    for (const table of ['sessions', 'users', 'auth_events', 'email_verification_tokens']) {
      await own.query(
        `CREATE TRIGGER disk_full BEFORE INSERT ON ${table} FOR EACH STATEMENT EXECUTE FUNCTION disk_full()`,
      );
    }
  },
  heal: async () => void (await own.query('DROP FUNCTION disk_full() CASCADE')),
  sees: ['resource_exhausted'],
});
