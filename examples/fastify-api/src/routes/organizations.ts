import type { OrganizationRecord, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance } from 'fastify';
import { HttpError } from '../errors.ts';
import { organizationOf } from '../membership.ts';
import { PAGE_QUERY, type PageQuery, pageOf } from '../schemas.ts';

const NEW_ORGANIZATION = {
  type: 'object',
  required: ['name', 'seats'],
  additionalProperties: false,
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 100 },
    seats: { type: 'integer', minimum: 1, maximum: 10_000 },
  },
} as const;

const shown = ({ id, name, plan, seats, members, createdAt }: OrganizationRecord) => {
  return { id, name, plan, seats, members: members.length, createdAt };
};

export function organizationRoutes(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  app.get<{ Querystring: PageQuery }>(
    '/organizations',
    { config: { scope: 'organizations:read' }, schema: { querystring: PAGE_QUERY } },
    async ({ caller, query, untilClientLeaves: signal }) => {
      if (caller.organization) return { items: [shown(caller.organization)] };
      const page = await storage.listUserOrganizations(caller.apiKey.principalId, { ...pageOf(query), signal });
      return { items: page.items.map(shown), next: page.next };
    },
  );

  app.post<{ Body: { name: string; seats: number } }>(
    '/organizations',
    { config: { scope: 'organizations:write' }, schema: { body: NEW_ORGANIZATION } },
    async ({ caller, body, untilClientLeaves: signal }, reply) => {
      if (!caller.user) throw new HttpError(403, 'user_needed', 'An organization cannot own another one.');
      const members = [{ userId: caller.user.id, role: 'owner' as const, joinedAt: new Date() }];
      const made = await storage.createOrganization({ ...body, plan: 'team', members }, { signal });
      return reply.code(201).send(shown(made));
    },
  );

  app.get<{ Params: { orgId: string } }>(
    '/organizations/:orgId',
    { config: { scope: 'organizations:read' } },
    async (request) => {
      const { organization, role } = await organizationOf(storage, request, request.params.orgId);
      return { ...shown(organization), role };
    },
  );
}
