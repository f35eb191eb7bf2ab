import type { OrganizationRecord, OrganizationRole, UserRecord } from '@kitiumai/auth-postgres';
import type { Request } from 'express';
import { field, form } from '../web/forms.ts';
import { type Html, html } from '../web/html.ts';
import type { Page } from '../web/layout.ts';
import { type FoundInvitation, type PendingInvitation, pendingInvitations } from './invitations.ts';
import { mayChangeRoles, mayGrant, mayRemove, ROLES, roleOf } from './rules.ts';

export function listPage(request: Request, organizations: OrganizationRecord[], problem?: string): Page {
  const content = html`
    <h1>Organizations</h1>
    ${organizations.length === 0 && html`<p class="muted">You belong to none.</p>`}
    <ul class="plain">${organizations.map(
      ({ id, name, members }) => html`
        <li class="card row"><a href="/organizations/${id}">${name}</a><span class="muted">members: ${members.length}</span></li>`,
    )}</ul>
    <section class="card">
      <h2>New organization</h2>
      ${form(request, '/organizations', html`${field({ label: 'Name', name: 'name' })}<button>Create</button>`)}
    </section>`;
  return { title: 'Organizations', content, problem };
}

export interface OrganizationView {
  organization: OrganizationRecord;
  viewer: UserRecord;
  /** The users who are members. */
  users: UserRecord[];
}

export function organizationPage(request: Request, view: OrganizationView, problem?: string): Page {
  const { organization, viewer, users } = view;
  const role = roleOf(organization, viewer.id);
  const path = `/organizations/${organization.id}`;
  const content = html`
    <h1>${organization.name}</h1>
    <p class="muted">${organization.members.length} of ${organization.seats} seats are taken. Your role: ${role ?? 'none'}.
      ${mayGrant(role, 'member') && html`<a href="${path}/events">Audit log</a>`}</p>
    <h2>Members</h2>
    <ul class="plain">${users.map((user) => memberRow(request, view, user))}</ul>
    ${mayGrant(role, 'member') && invitationPart(request, organization, role)}`;
  return { title: organization.name, content, problem };
}

function memberRow(request: Request, { organization, viewer }: OrganizationView, user: UserRecord): Html {
  const actor = roleOf(organization, viewer.id);
  const role = roleOf(organization, user.id);
  const path = `/organizations/${organization.id}/members`;
  const isSelf = user.id === viewer.id;
  const who = html`<input type="hidden" name="userId" value="${user.id}">`;
  return html`
    <li class="card row">
      <div><strong>${user.name ?? 'Without a name'}</strong> <span class="muted">${user.email}, ${role}</span></div>
      ${
        mayChangeRoles(actor) &&
        form(
          request,
          `${path}/role`,
          html`${who}${roleSelect(`Role of ${user.email}`, ROLES, role)}
        <button class="quiet">Change</button>`,
        )
      }
      ${
        mayRemove(actor, role, isSelf) &&
        form(
          request,
          `${path}/remove`,
          html`${who}
        <button class="danger" aria-label="${isSelf ? 'Leave' : `Remove ${user.email}`}">${isSelf ? 'Leave' : 'Remove'}</button>`,
        )
      }
    </li>`;
}

function invitationPart(request: Request, organization: OrganizationRecord, actor: OrganizationRole | undefined): Html {
  const path = `/organizations/${organization.id}/invitations`;
  const roles = ROLES.filter((role) => mayGrant(actor, role));
  const row = ({ id, email, role }: PendingInvitation) => html`
    <li class="card row">
      <div><strong>${email}</strong> <span class="muted">${role}</span></div>
      ${
        mayGrant(actor, role) &&
        form(
          request,
          `${path}/withdraw`,
          html`<input type="hidden" name="id" value="${id}">
        <button class="quiet" aria-label="Withdraw the invitation of ${email}">Withdraw</button>`,
        )
      }
    </li>`;
  const pending = pendingInvitations(organization);
  return html`
    ${pending.length > 0 && html`<h2>Invitations</h2><ul class="plain">${pending.map(row)}</ul>`}
    <section class="card">
      <h2>Invite somebody</h2>
      ${form(
        request,
        path,
        html`
        ${field({ label: 'E-mail', name: 'email', type: 'email' })}
        <label>Role ${roleSelect('Role of the new member', roles, 'member')}</label>
        <button>Invite</button>`,
      )}
    </section>`;
}

function roleSelect(label: string, roles: readonly OrganizationRole[], chosen: OrganizationRole | undefined): Html {
  return html`<select name="role" aria-label="${label}">${roles.map((role) =>
    role === chosen ? html`<option selected>${role}</option>` : html`<option>${role}</option>`,
  )}</select>`;
}

/** What somebody sees who opens the link of an invitation. */
export function invitationPage(
  request: Request,
  invitation: FoundInvitation,
  link: { token: string; isFor: boolean },
): Page {
  const { organization, role, token } = invitation;
  const next = new URLSearchParams({ next: request.originalUrl });
  const content = html`
    <h1>Invitation to ${organization.name}</h1>
    ${
      link.isFor
        ? form(
            request,
            '/invitations',
            html`
            <p>You become ${role} of ${organization.name}.</p>
            <input type="hidden" name="token" value="${link.token}"><button>Accept</button>`,
          )
        : html`<p>It is for <strong>${token.email}</strong>. <a href="/sign-in?${next.toString()}">Sign in</a> with that address, or
            <a href="/sign-up">sign up</a> first and open this link again.</p>`
    }`;
  return { title: 'Invitation', content };
}
