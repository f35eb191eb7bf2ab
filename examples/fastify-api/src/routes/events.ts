import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import type { FastifyInstance } from 'fastify';
import { requireRole } from '../membership.ts';
import { PAGE_QUERY, type PageQuery, pageOf } from '../schemas.ts';

export function eventRoutes(app: FastifyInstance, storage: PostgresStorageAdapter): void {
  app.get<{ Params: { orgId: string }; Querystring: PageQuery }>(
    '/organizations/:orgId/events',
    { config: { scope: 'events:read' }, schema: { querystring: PAGE_QUERY } },
    async (request) => {
      const { orgId } = request.params;
      await requireRole(storage, request, orgId, 'admin', 'events:read');
      const signal = request.untilClientLeaves;
      const { items, next } = await storage.listEvents({ ...pageOf(request.query), orgId, signal });
      return { items, next };
    },
  );
}
