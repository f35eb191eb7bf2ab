import type { Request } from 'express';
import { z } from 'zod';
import { type Content, type Html, html } from './html.ts';
import { visitOf } from './visit.ts';

export const Email = z.string().trim().max(254).pipe(z.email('Enter an e-mail address.'));
export const Name = z.string().trim().min(1, 'Enter a name.').max(100, 'A name has at most 100 characters.');
/** What is typed into a sign-in form. Anything may be wrong, but hashing it must not take long. */
export const GivenPassword = z.string().min(1, 'Enter your password.').max(256);
export const NewPassword = z
  .string()
  .min(12, 'A password has at least 12 characters.')
  .max(256, 'A password has at most 256 characters.');

export type Parsed<T> = { data: T; problem?: undefined } | { data?: undefined; problem: string };

/** The fields of a form, or what is wrong with them in a sentence. */
export function readForm<T>(request: Request, schema: z.ZodType<T>): Parsed<T> {
  const { data, error } = schema.safeParse(request.body ?? {});
  return error ? { problem: error.issues[0]?.message ?? 'The form is not complete.' } : { data };
}

/** A form with the token that `refuseForeignForms` looks for. */
export function form(request: Request, action: string, content: Content): Html {
  return html`
    <form method="post" action="${action}">
      <input type="hidden" name="csrf" value="${visitOf(request).csrf}">
      ${content}
    </form>`;
}

export interface Field {
  label: string;
  name: string;
  type?: 'text' | 'email' | 'password';
  autocomplete?: string;
  value?: string | undefined;
  hint?: string;
  /** Which keyboard a telephone shows. */
  inputmode?: 'text' | 'numeric';
}

export function field({
  label,
  name,
  type = 'text',
  autocomplete = 'off',
  value,
  hint,
  inputmode = 'text',
}: Field): Html {
  return html`
    <label>
      ${label}
      <input name="${name}" type="${type}" autocomplete="${autocomplete}" inputmode="${type === 'email' ? 'email' : inputmode}"
        value="${value ?? ''}" required>
      ${hint && html`<small>${hint}</small>`}
    </label>`;
}
