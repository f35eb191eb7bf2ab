/** The sessions of a user, and the organizations with the user's roles there. */

const { actionForm, hidden, offered } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { jsonLine } = require('../html/json.js');
const { badge, badges, card, empty, organizationLink, pager } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { time } = require('../html/time.js');
const { toSegment } = require('../paths.js');
const { organizationsById } = require('../people.js');
const { Refusal } = require('../refusal.js');

/** @import { OrganizationRecord, SessionRecord, UserRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

const SESSIONS = 10;
const ORGANIZATIONS = 20;

/**
 * The id of a session opens it, and the cursor of their list holds one. Browsers get both encrypted.
 *
 * @param {string} userId
 */
function sealPurpose(userId) {
  return `session of ${userId}`;
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
async function sessionsCard(visit, user) {
  const { storage, settings, query } = visit;
  const purpose = sealPurpose(user.id);
  const after = query.sessions === undefined ? undefined : settings.keys.open(query.sessions, purpose);
  if (after === null) throw new Refusal(400, 'This page of sessions is no longer known. Open the user again.');
  const { items, next } = await storage.listUserSessions(user.id, { limit: SESSIONS, after });
  const sealed = next === undefined ? undefined : settings.keys.seal(next, purpose);
  const organizations = await organizationsById(
    visit,
    items.map(({ orgId }) => orgId),
  );
  const list =
    items.length === 0 ? empty('Nobody is signed in as this user.') : sessionTable(visit, user, items, organizations);
  const aside = items.length > 0 && offered(visit, 'sessions:revoke', () => revokeAllForm(visit, user));
  return card('Sessions', html`${list}${pager(visit, { sessions: query.sessions }, sealed, 'sessions')}`, { aside });
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 * @param {readonly SessionRecord[]} sessions
 * @param {Map<string, OrganizationRecord>} organizations
 */
function sessionTable(visit, user, sessions, organizations) {
  const { settings } = visit;
  return table(
    'Live sessions',
    [
      { head: 'About', kind: 'wide', cell: ({ metadata }) => jsonLine(metadata, settings.hiddenKeys) },
      { head: 'Signed in', cell: ({ createdAt }) => time(createdAt) },
      { head: 'Expires', cell: ({ expiresAt }) => time(expiresAt) },
      {
        head: 'Organization',
        cell: ({ orgId }) => orgId && organizationLink(visit, orgId, organizations.get(orgId)),
      },
      {
        head: 'Revoke',
        kind: 'actions',
        cell: ({ id }) =>
          offered(visit, 'sessions:revoke', () =>
            actionForm(
              visit,
              `/users/${toSegment(user.id)}/sessions/revoke`,
              hidden('session', settings.keys.seal(id, sealPurpose(user.id))),
              'Revoke',
              { tone: 'danger', describes: 'this session', asks: true },
            ),
          ),
      },
    ],
    sessions,
  );
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
function revokeAllForm(visit, { id }) {
  return actionForm(visit, `/users/${toSegment(id)}/sessions/revoke-all`, '', 'Revoke all', {
    tone: 'danger',
    asks: true,
  });
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
async function membershipsCard(visit, user) {
  const { storage, query } = visit;
  const { items, next } = await storage.listUserOrganizations(user.id, {
    limit: ORGANIZATIONS,
    after: query.organizations,
  });
  const roles = await Promise.all(items.map(({ id }) => storage.getUserRoles(user.id, id)));
  const rows = items.map((organization, index) => ({ organization, roles: roles[index] ?? [] }));
  const list =
    rows.length === 0
      ? empty('This user is a member of no organization.')
      : table(
          'Organizations and roles',
          [
            {
              head: 'Organization',
              kind: 'main',
              cell: ({ organization }) => organizationLink(visit, organization.id, organization),
            },
            { head: 'Member as', cell: ({ organization }) => memberRole(organization, user.id) },
            { head: 'Roles', cell: (row) => badges(row.roles.map(({ name }) => name)) },
          ],
          rows,
        );
  const pages = pager(visit, { organizations: query.organizations }, next, 'organizations');
  return card('Organizations and roles', html`${list}${pages}`, { id: 'organizations' });
}

/**
 * @param {OrganizationRecord} organization
 * @param {string} userId
 */
function memberRole({ members }, userId) {
  const role = members.find((member) => member.userId === userId)?.role;
  return role && badge(role, role === 'owner' ? 'accent' : 'plain');
}

module.exports = { membershipsCard, sealPurpose, sessionsCard };
