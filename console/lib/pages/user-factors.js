/** How a user signs in: second factors, backup codes, linked accounts, and mails that wait. No secret of any is shown. */

const { actionForm, hidden, offered } = require('../html/forms.js');
const { html } = require('../html/html.js');
const { badge, card, empty } = require('../html/parts.js');
const { table } = require('../html/table.js');
const { counted, time } = require('../html/time.js');
const { toSegment } = require('../paths.js');

/** @import { UserRecord } from '@kitiumai/auth-postgres' */
/** @import { Visit } from '../visit.js' */

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
async function devicesCard(visit, user) {
  const { storage } = visit;
  const [devices, codes, passwordHash] = await Promise.all([
    storage.listTwoFactorDevices(user.id),
    storage.getBackupCodes(user.id),
    storage.getPasswordHash(user.id),
  ]);
  const unused = codes.filter(({ used }) => !used).length;
  const list =
    devices.length === 0
      ? empty('There is no second factor.')
      : table(
          'Second factors',
          [
            {
              head: 'Device',
              kind: 'main',
              cell: ({ name, method, phoneNumber, verified }) =>
                html`<span class="who"><span class="first">${name ?? method}</span><span class="second">${method}${phoneNumber && ` ${phoneNumber}`}</span></span>${verified ? badge('verified', 'good') : badge('not verified', 'notice')}`,
            },
            { head: 'Last used', cell: ({ lastUsedAt }) => time(lastUsedAt) },
            {
              head: 'Remove',
              kind: 'actions',
              cell: ({ id, name, method }) =>
                removeForm(visit, user, 'devices/delete', 'device', id, `${name ?? method}`),
            },
          ],
          devices,
        );
  const note = html`<p class="foot">${
    codes.length === 0 ? 'No backup codes.' : `${counted(unused, 'backup code')} of ${codes.length} not used yet.`
  } ${passwordHash === null ? 'No password is set.' : 'A password is set.'}</p>`;
  return card('Second factors', html`${list}${note}`);
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
async function linksCard(visit, user) {
  const links = await visit.storage.getUserSSOLinks(user.id);
  const providers = await Promise.all(links.map(({ providerId }) => visit.storage.getSSOProvider(providerId)));
  const rows = [
    ...Object.values(user.oauth ?? {}).map((link) => ({
      ...{ kind: 'OAuth', provider: link.provider, subject: link.sub, email: link.email, at: link.linkedAt },
      form: () => removeForm(visit, user, 'oauth/unlink', 'provider', link.provider, link.provider, 'Unlink'),
    })),
    ...links.map((link, index) => ({
      ...{
        kind: link.providerType.toUpperCase(),
        provider: providers[index]?.name ?? link.providerId,
        subject: link.providerSubject,
      },
      ...{ email: link.providerEmail, at: link.linkedAt },
      form: () =>
        removeForm(
          visit,
          user,
          'sso-links/delete',
          'link',
          link.id,
          link.providerEmail ?? link.providerSubject,
          'Unlink',
        ),
    })),
  ];
  const list =
    rows.length === 0
      ? empty('No account elsewhere is linked.')
      : table(
          'Linked accounts',
          [
            {
              head: 'Account',
              kind: 'main',
              cell: ({ kind, provider, subject, email }) =>
                html`<span class="who"><span class="first">${email ?? subject}</span><span class="second">${kind}, ${provider}${email !== undefined && `, ${subject}`}</span></span>`,
            },
            { head: 'Linked', cell: ({ at }) => time(at) },
            { head: 'Unlink', kind: 'actions', cell: ({ form }) => form() },
          ],
          rows,
        );
  return card('Linked accounts', list);
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 */
async function pendingMailsCard(visit, { email }) {
  const tokens = email === undefined ? [] : await visit.storage.getEmailVerificationTokens(email);
  if (tokens.length === 0) return '';
  return card(
    'Mails that wait for an answer',
    table(
      'E-mail tokens that can still be used',
      [
        { head: 'Purpose', kind: 'main', cell: ({ type }) => type.replaceAll('_', ' ') },
        { head: 'Sent', cell: ({ createdAt }) => time(createdAt) },
        { head: 'Expires', cell: ({ expiresAt }) => time(expiresAt) },
      ],
      tokens,
    ),
    { id: 'mails' },
  );
}

/**
 * @param {Visit} visit
 * @param {UserRecord} user
 * @param {string} action
 * @param {string} field
 * @param {string} value
 * @param {string} what
 * @param {string} [button]
 */
function removeForm(visit, user, action, field, value, what, button = 'Remove') {
  const path = `/users/${toSegment(user.id)}/${action}`;
  return offered(visit, 'users:write', () =>
    actionForm(visit, path, hidden(field, value), button, { tone: 'danger', describes: what, asks: true }),
  );
}

module.exports = { devicesCard, linksCard, pendingMailsCard };
