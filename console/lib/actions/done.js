/** What a page says after an action. The address names the action and not the words, which anybody could put into a link. */

/** @type {Record<string, string>} */
const DONE = {
  'user-changed': 'The user has been changed.',
  'user-erased': 'The user has been erased.',
  'session-revoked': 'The session has been revoked.',
  'sessions-revoked': 'All sessions of the user have been revoked.',
  'device-deleted': 'The second factor has been removed.',
  'oauth-unlinked': 'The account has been unlinked.',
  'sso-link-deleted': 'The account at the provider has been unlinked.',
  'organization-created': 'The organization has been created.',
  'organization-changed': 'The organization has been changed.',
  'organization-deleted': 'The organization has been deleted.',
  'member-added': 'The member has been added.',
  'member-changed': 'The member has another role now.',
  'member-removed': 'The member has been removed.',
  'role-created': 'The role has been created.',
  'role-changed': 'The role has been changed.',
  'role-deleted': 'The role has been deleted.',
  'role-assigned': 'The role has been assigned.',
  'role-revoked': 'The role has been taken away.',
  'api-key-revoked': 'The API key has been revoked.',
  'sso-provider-created': 'The provider has been created.',
  'sso-provider-changed': 'The provider has been changed.',
  'sso-provider-deleted': 'The provider has been deleted.',
  'rows-swept': 'What had expired has been deleted.',
};

/** @param {string | undefined} name */
function doneText(name) {
  return name !== undefined && Object.hasOwn(DONE, name) ? DONE[name] : undefined;
}

module.exports = { doneText };
