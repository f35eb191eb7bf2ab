/** Rows of the tables as the records of the interface; what an application on a driver has to do itself. */

/** @param {Record<string, any>} row */
export const session = (row) => ({
  id: row.id,
  userId: row.user_id,
  ...(row.org_id !== null && { orgId: row.org_id }),
  ...(row.plan !== null && { plan: row.plan }),
  entitlements: row.entitlements,
  expiresAt: row.expires_at,
  metadata: row.metadata,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** @param {Record<string, any>} row */
export const user = (row) => ({
  id: row.id,
  ...(row.email !== null && { email: row.email }),
  ...(row.name !== null && { name: row.name }),
  ...(row.picture !== null && { picture: row.picture }),
  ...(row.plan !== null && { plan: row.plan }),
  entitlements: row.entitlements,
  ...(Object.keys(row.oauth).length > 0 && { oauth: row.oauth }),
  metadata: row.metadata,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** @param {Record<string, any>} row */
export const apiKey = (row) => ({
  id: row.id,
  principalId: row.principal_id,
  hash: row.hash,
  prefix: row.prefix,
  lastFour: row.last_four,
  scopes: row.scopes,
  metadata: row.metadata,
  ...(row.expires_at !== null && { expiresAt: row.expires_at }),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** @param {Record<string, any>} row */
export const organization = (row) => ({
  id: row.id,
  name: row.name,
  plan: row.plan,
  seats: row.seats,
  members: row.members,
  metadata: row.metadata,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** @param {Record<string, any>} row */
export const role = (row) => ({
  id: row.id,
  orgId: row.org_id,
  name: row.name,
  ...(row.description !== null && { description: row.description }),
  permissions: row.permissions,
  isSystem: row.is_system,
  metadata: row.metadata,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** @template T @param {Record<string, any>[]} rows @param {(row: Record<string, any>) => T} record */
export const first = (rows, record) => (rows[0] === undefined ? null : record(rows[0]));
