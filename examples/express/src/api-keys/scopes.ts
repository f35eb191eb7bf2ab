/** What a key may be used for. */
export const SCOPES = { 'profile:read': 'Read your profile', 'events:read': 'Read your audit log' } as const;

export type Scope = keyof typeof SCOPES;

export const ALL_SCOPES = Object.keys(SCOPES) as [Scope, ...Scope[]];
