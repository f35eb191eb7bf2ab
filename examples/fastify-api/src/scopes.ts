/** What a key may be allowed to do. */
export const SCOPES = [
  'keys:read',
  'keys:write',
  'organizations:read',
  'organizations:write',
  'members:read',
  'members:write',
  'events:read',
] as const;

export type Scope = (typeof SCOPES)[number];
