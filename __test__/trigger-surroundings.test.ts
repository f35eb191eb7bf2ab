/**
 * The triggers do the same for every writer, also for one whose search path has tables and functions of the names that
 * the triggers use, before the server's own.
 */
import { Client } from 'pg';
import { useDatabase } from './helpers/database';
import { memberInput, unique } from './helpers/fixtures';

const db = useDatabase();

/** What a writer with such a search path sends. */
async function hostileQuery(sql: string, parameters: unknown[] = []): Promise<void> {
  const client = new Client({ connectionString: db.url, options: '-c search_path=hostile,pg_catalog,public' });
  await client.connect();
  try {
    await client.query(sql, parameters);
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  const raising = (name: string) => `LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'shadow called: ${name}'; END $$`;
  await db.query(`
    CREATE SCHEMA hostile;
    CREATE TABLE hostile.users (LIKE public.users);
    CREATE TABLE hostile.organizations (LIKE public.organizations);
    CREATE TABLE hostile.user_oauth_accounts (LIKE public.user_oauth_accounts);
    CREATE TABLE hostile.organization_members (LIKE public.organization_members);
    CREATE FUNCTION hostile.format(text, name) RETURNS text ${raising('format')};
    CREATE FUNCTION hostile.jsonb_each(jsonb) RETURNS TABLE (key text, value jsonb) ${raising('jsonb_each')};
    CREATE FUNCTION hostile.jsonb_array_elements(jsonb) RETURNS SETOF jsonb ${raising('jsonb_array_elements')};
    CREATE FUNCTION hostile.clock_timestamp() RETURNS timestamptz ${raising('clock_timestamp')};
    CREATE FUNCTION hostile.now() RETURNS timestamptz ${raising('now')};
    CREATE FUNCTION hostile.differ(jsonb, jsonb) RETURNS boolean ${raising('<>')};
    CREATE OPERATOR hostile.<> (FUNCTION = hostile.differ, LEFTARG = jsonb, RIGHTARG = jsonb)`);
});

it('the tables, functions and operators of the writer’s schema are found before the server’s own', async () => {
  await expect(hostileQuery(`SELECT format('%I', 'x'::name)`)).rejects.toThrow('shadow called');
  await expect(hostileQuery(`SELECT '{}'::jsonb <> '[]'::jsonb`)).rejects.toThrow('shadow called');
});

const hostileRows = async () =>
  (
    await db.query(
      `SELECT (SELECT count(*)::int FROM hostile.user_oauth_accounts) AS accounts
            , (SELECT count(*)::int FROM hostile.organization_members) AS members
            , (SELECT count(*)::int FROM hostile.organizations) AS organizations`,
    )
  )[0];

it('user_oauth_accounts in our schema follows a user that such a writer creates and changes', async () => {
  const id = unique('user');
  const accounts = () => db.query('SELECT provider, sub FROM public.user_oauth_accounts WHERE user_id = $1', [id]);
  const sub = unique('sub');
  await hostileQuery('INSERT INTO public.users (id, oauth) VALUES ($1, $2)', [id, { google: { sub } }]);
  expect(await accounts()).toEqual([{ provider: 'google', sub }]);
  await hostileQuery('UPDATE public.users SET oauth = $2 WHERE id = $1', [id, { github: { sub } }]);
  expect(await accounts()).toEqual([{ provider: 'github', sub }]);
  expect(await hostileRows()).toEqual({ accounts: 0, members: 0, organizations: 0 });
});

it('organization_members in our schema follows an organization and a user that such a writer changes and deletes', async () => {
  const [first, second, orgId] = [unique('first'), unique('second'), unique('org')];
  for (const id of [first, second]) await db.storage.createUser({ id });
  const members = async () =>
    (await db.query('SELECT user_id FROM public.organization_members WHERE org_id = $1', [orgId])).map(
      ({ user_id }) => user_id,
    );
  const listOf = (ids: string[]) => JSON.stringify(ids.map((id) => memberInput(id)));
  await hostileQuery(`INSERT INTO public.organizations (id, name, plan, seats, members) VALUES ($1, 'o', 'p', 5, $2)`, [
    orgId,
    listOf([first]),
  ]);
  expect(await members()).toEqual([first]);
  await hostileQuery('UPDATE public.organizations SET members = $2 WHERE id = $1', [orgId, listOf([second])]);
  expect(await members()).toEqual([second]);
  await hostileQuery('DELETE FROM public.users WHERE id = $1', [second]);
  expect(await members()).toEqual([]);
  await expect(db.storage.getOrganization(orgId)).resolves.toMatchObject({ members: [] });
  expect(await hostileRows()).toEqual({ accounts: 0, members: 0, organizations: 0 });
});
