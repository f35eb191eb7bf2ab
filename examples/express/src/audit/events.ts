import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { Request } from 'express';

/** What the audit log knows about. The console counts `user.signed_in` and `user.sign_in_failed` by default. */
export type EventType =
  | 'user.signed_up'
  | 'user.password_set'
  | 'user.signed_in'
  | 'user.sign_in_failed'
  | 'user.signed_out'
  | 'user.signed_out_everywhere'
  | 'user.session_ended'
  | 'user.second_factor_enabled'
  | 'user.second_factor_disabled'
  | 'user.backup_codes_replaced'
  | 'api_key.created'
  | 'api_key.revoked'
  | 'organization.created'
  | 'organization.member_invited'
  | 'organization.invitation_withdrawn'
  | 'organization.member_joined'
  | 'organization.role_changed'
  | 'organization.member_removed';

export interface AuditEvent {
  type: EventType;
  /** Who did it, by the id of the user. */
  principalId: string;
  orgId?: string;
  data?: Record<string, unknown>;
}

/** Whom events are about that concern no account. */
export const NOBODY = 'nobody';

/** Writes an event, in a transaction together with what it is about. */
export async function record(
  store: Pick<PostgresStorageAdapter, 'emitEvent'>,
  request: Request,
  { type, principalId, orgId, data }: AuditEvent,
): Promise<void> {
  await store.emitEvent({
    type,
    principalId,
    orgId,
    data: { ...data, ip: request.ip, userAgent: userAgentOf(request) },
    timestamp: new Date(),
  });
}

/** What a browser calls itself, which may be anything. */
export function userAgentOf(request: Request): string {
  return (request.get('user-agent') ?? 'unknown').slice(0, 200);
}
