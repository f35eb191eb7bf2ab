import { Router } from 'express';
import { z } from 'zod';
import { record } from '../audit/events.ts';
import type { Site } from '../site.ts';
import { Name, readForm } from '../web/forms.ts';
import { sendPage } from '../web/layout.ts';
import { withNotice } from '../web/notices.ts';
import { userOf } from '../web/signed-in.ts';
import { apiKeysPage, newKeyPage } from './pages.ts';
import { ALL_SCOPES } from './scopes.ts';

const DAY = 86_400_000;
const PREFIX = 'example';

const CreateForm = z.object({
  name: Name,
  days: z.enum(['30', '90', '365']).transform(Number),
  scopes: z
    // One checkbox is a text, several are a list.
    .preprocess((value) => [value ?? []].flat(), z.array(z.enum(ALL_SCOPES)).min(1, 'Choose what the key is for.')),
});
const RevokeForm = z.object({ id: z.string() });

/** Making a key, which is shown once, and revoking it. */
export function apiKeyRoutes({ storage }: Site): Router {
  const router = Router();

  router.get('/account/api-keys', async (request, response) => {
    const keys = await storage.listApiKeys(userOf(request).id);
    sendPage(request, response, apiKeysPage(request, keys));
  });

  router.post('/account/api-keys', async (request, response) => {
    const { id: userId } = userOf(request);
    const { data, problem } = readForm(request, CreateForm);
    if (!data) {
      const keys = await storage.listApiKeys(userId);
      return sendPage(request, response, apiKeysPage(request, keys, problem), 422);
    }
    const { name, scopes, days } = data;
    const key = await storage.transaction(async (tx) => {
      const made = await tx.createApiKeyWithSecret(userId, scopes, PREFIX);
      const expiresAt = new Date(Date.now() + days * DAY);
      await tx.updateApiKey(made.record.id, { metadata: { name }, expiresAt });
      await record(tx, request, { type: 'api_key.created', principalId: userId, data: { name, scopes } });
      return made.key;
    });
    sendPage(request, response, newKeyPage(key), 201);
  });

  router.post('/account/api-keys/revoke', async (request, response) => {
    const { id: userId } = userOf(request);
    const { data } = readForm(request, RevokeForm);
    // Among one's own only, whatever id was sent.
    const key = (await storage.listApiKeys(userId)).find(({ id }) => id === data?.id);
    if (key) {
      await storage.deleteApiKey(key.id);
      await record(storage, request, {
        type: 'api_key.revoked',
        principalId: userId,
        data: { name: key.metadata.name },
      });
    }
    response.redirect(303, withNotice('/account/api-keys', 'key-revoked'));
  });

  return router;
}
