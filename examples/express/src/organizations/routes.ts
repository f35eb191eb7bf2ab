import { type Request, Router } from 'express';
import { z } from 'zod';
import { isTooLate } from '../accounts/accounts.ts';
import { deadLinkPage } from '../accounts/pages.ts';
import type { Site } from '../site.ts';
import { WebError } from '../web/errors.ts';
import { Email, Name, readForm } from '../web/forms.ts';
import { sendPage } from '../web/layout.ts';
import { withNotice } from '../web/notices.ts';
import { organizationOf, userOf } from '../web/signed-in.ts';
import { visitOf } from '../web/visit.ts';
import { accept, findInvitation, invite, isFor, withdraw } from './invitations.ts';
import { changeRole, createOrganization, removeMember } from './members.ts';
import { invitationPage, listPage, organizationPage } from './pages.ts';
import { ROLES } from './rules.ts';

const MOST_SHOWN = 100;
const NameForm = z.object({ name: Name });
const InviteForm = z.object({ email: Email, role: z.enum(ROLES) });
const WithdrawForm = z.object({ id: z.string() });
const RoleForm = z.object({ userId: z.string(), role: z.enum(ROLES) });
const RemoveForm = z.object({ userId: z.string() });

export function organizationRoutes(site: Site): Router {
  const { limits, storage } = site;
  const router = Router();

  router.get('/organizations', async (request, response) => {
    const { items } = await storage.listUserOrganizations(userOf(request).id, { limit: MOST_SHOWN });
    sendPage(request, response, listPage(request, items));
  });

  router.post('/organizations', async (request, response) => {
    const user = userOf(request);
    const { data, problem } = readForm(request, NameForm);
    if (!data) {
      const { items } = await storage.listUserOrganizations(user.id, { limit: MOST_SHOWN });
      return sendPage(request, response, listPage(request, items, problem), 422);
    }
    response.redirect(303, `/organizations/${await createOrganization(site, request, user.id, data.name)}`);
  });

  router.get('/organizations/:orgId', async (request, response) => {
    sendPage(request, response, organizationPage(request, await viewOf(request)));
  });

  router.post('/organizations/:orgId/invitations', async (request, response) => {
    const { id: orgId } = organizationOf(request);
    const { data, problem } = readForm(request, InviteForm);
    if (!data) return sendPage(request, response, organizationPage(request, await viewOf(request), problem), 422);
    limits.countMailRequest(request);
    await invite(site, request, { orgId, actorId: userOf(request).id, ...data });
    response.redirect(303, withNotice(`/organizations/${orgId}`, 'invited'));
  });

  router.post('/organizations/:orgId/invitations/withdraw', async (request, response) => {
    const { id: orgId } = organizationOf(request);
    const { id } = required(readForm(request, WithdrawForm).data);
    await withdraw(site, request, orgId, userOf(request).id, id);
    response.redirect(303, withNotice(`/organizations/${orgId}`, 'invitation-withdrawn'));
  });

  router.post('/organizations/:orgId/members/role', async (request, response) => {
    const { id: orgId } = organizationOf(request);
    const { userId, role } = required(readForm(request, RoleForm).data);
    await changeRole(site, request, { orgId, actorId: userOf(request).id, userId }, role);
    response.redirect(303, withNotice(`/organizations/${orgId}`, 'role-changed'));
  });

  router.post('/organizations/:orgId/members/remove', async (request, response) => {
    const { id: orgId } = organizationOf(request);
    const { userId } = required(readForm(request, RemoveForm).data);
    await removeMember(site, request, { orgId, actorId: userOf(request).id, userId });
    // Whoever has left does not see it any more.
    const path = userId === userOf(request).id ? '/organizations' : `/organizations/${orgId}`;
    response.redirect(303, withNotice(path, 'member-removed'));
  });

  router.get('/invitations', async (request, response) => {
    const { token } = request.query;
    const invitation = await findInvitation(site, token);
    if (!invitation) return sendPage(request, response, deadLinkPage, 410);
    const { context } = visitOf(request);
    const link = { token: String(token), isFor: context !== undefined && isFor(invitation, context.user) };
    sendPage(request, response, invitationPage(request, invitation, link));
  });

  router.post('/invitations', async (request, response) => {
    const { context } = visitOf(request);
    const invitation = await findInvitation(site, request.body?.token);
    if (!context || !invitation || !isFor(invitation, context.user)) {
      return sendPage(request, response, deadLinkPage, 410);
    }
    try {
      await accept(site, request, invitation, context.user.id);
    } catch (error) {
      if (isTooLate(error)) return sendPage(request, response, deadLinkPage, 410);
      throw error;
    }
    response.redirect(303, withNotice(`/organizations/${invitation.organization.id}`, 'joined'));
  });

  /** The organization with its members, who are found in few statements, however many they are. */
  async function viewOf(request: Request) {
    const organization = organizationOf(request);
    const users = await Promise.all(organization.members.map(({ userId }) => storage.getUser(userId)));
    return { organization, viewer: userOf(request), users: users.filter((user) => user !== null) };
  }

  return router;
}

/** The fields of a form that only a page of the site can have got wrong. */
function required<T>(data: T | undefined): T {
  if (data === undefined) throw new WebError(400, 'The form is not complete.');
  return data;
}
