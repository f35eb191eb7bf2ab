import type { OrganizationRole, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from '../errors.ts';
import { organizationOf, requireRole } from '../membership.ts';

const ROLE = { enum: ['owner', 'admin', 'member'] };
const NEW_MEMBER = {
  type: 'object',
  required: ['email', 'role'],
  additionalProperties: false,
  properties: { email: { type: 'string', minLength: 3, maxLength: 320 }, role: ROLE },
} as const;
const NEW_ROLE = {
  type: 'object',
  required: ['role'],
  additionalProperties: false,
  properties: { role: ROLE },
} as const;

/** What was checked still holds when the change is made: if the organization has been changed since, all is done again. */
const CHECKED = { isolationLevel: 'repeatable read', retries: 5 } as const;

interface OfOrganization {
  Params: { orgId: string };
}
interface OfMember {
  Params: { orgId: string; userId: string };
}

/** The store keeps the number of seats and the last owner, however many requests there are at once. */
export function memberRoutes(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  app.get<OfOrganization>('/organizations/:orgId/members', { config: { scope: 'members:read' } }, async (request) => {
    const { organization } = await organizationOf(storage, request, request.params.orgId);
    return { items: organization.members };
  });

  app.post<OfOrganization & { Body: { email: string; role: OrganizationRole } }>(
    '/organizations/:orgId/members',
    { config: { scope: 'members:write' }, schema: { body: NEW_MEMBER } },
    async (request, reply) => {
      const { orgId } = request.params;
      const { email, role } = request.body;
      const signal = request.untilClientLeaves;
      // Only owners make owners.
      await requireRole(storage, request, orgId, role === 'owner' ? 'owner' : 'admin', 'members:write');
      const user = await storage.getUserByEmail(email, { signal });
      if (!user) throw new HttpError(400, 'invalid_reference', 'Nobody has this e-mail.', 'email');
      const members = await storage.transaction(
        async (tx) => {
          const organization = await tx.addOrganizationMember(orgId, { userId: user.id, role });
          await tx.emitEvent(eventOf(request, 'member.added', user.id));
          return organization.members;
        },
        { signal },
      );
      return reply.code(201).send({ items: members });
    },
  );

  app.put<OfMember & { Body: { role: OrganizationRole } }>(
    '/organizations/:orgId/members/:userId',
    { config: { scope: 'members:write' }, schema: { body: NEW_ROLE } },
    async (request) => {
      const { orgId, userId } = request.params;
      const { role } = request.body;
      const items = await storage.transaction(
        async (tx) => {
          await requireRole(tx, request, orgId, 'owner', 'members:write');
          const organization = await tx.setOrganizationMemberRole(orgId, userId, role);
          await tx.emitEvent(eventOf(request, 'member.role_changed', userId));
          return organization.members;
        },
        { ...CHECKED, signal: request.untilClientLeaves },
      );
      return { items };
    },
  );

  app.delete<OfMember>(
    '/organizations/:orgId/members/:userId',
    { config: { scope: 'members:write' } },
    async (request, reply) => {
      const { orgId, userId } = request.params;
      await storage.transaction(
        async (tx) => {
          const { organization } = await organizationOf(tx, request, orgId);
          const member = organization.members.find((each) => each.userId === userId);
          const isSelf = userId === request.caller.user?.id;
          // Everybody may leave. An owner is removed by owners only.
          if (!isSelf) {
            await requireRole(tx, request, orgId, member?.role === 'owner' ? 'owner' : 'admin', 'members:write');
          }
          await tx.removeOrganizationMember(orgId, userId);
          await tx.emitEvent(eventOf(request, 'member.removed', userId));
        },
        { ...CHECKED, signal: request.untilClientLeaves },
      );
      return reply.code(204).send();
    },
  );
}

function eventOf(request: FastifyRequest<OfOrganization>, type: string, userId: string) {
  const { principalId } = request.caller.apiKey;
  return { type, principalId, orgId: request.params.orgId, data: { userId }, timestamp: new Date() };
}
