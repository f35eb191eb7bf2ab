/** The server actions. They are called by forms, and so work without JavaScript in the browser as well. */
'use server';

import { InternalError } from '@kitiumai/auth-postgres';
import { redirect } from 'next/navigation';
import { hashPassword, isPassword } from '../lib/passwords';
import { endSession, startSession } from '../lib/session';
import { store } from '../lib/store';
import type { ProblemName } from './problem';

const MIN_PASSWORD = 10;
/** A longer one would only make the server work. */
const MAX_PASSWORD = 200;

export async function signUp(form: FormData): Promise<void> {
  const { email, password } = credentials(form);
  if (!isEmail(email)) redirect('/sign-up?problem=email');
  if (password.length < MIN_PASSWORD || password.length > MAX_PASSWORD) redirect('/sign-up?problem=password');
  // `redirect` throws, so that it stands outside of what catches.
  const problem = await problemOf(async () => {
    const passwordHash = await hashPassword(password);
    // No look-up before it, which another request could overtake: the table keeps e-mails unique.
    await startSession(async (tx) => (await tx.createUser({ email, passwordHash })).id);
    return null;
  });
  redirect(problem ? `/sign-up?problem=${problem}` : '/');
}

export async function signIn(form: FormData): Promise<void> {
  const { email, password } = credentials(form);
  const problem = await problemOf(async () => {
    const storage = await store();
    const user = isEmail(email) ? await storage.getUserByEmail(email) : null;
    const stored = user && (await storage.getPasswordHash(user.id));
    if (!(await isPassword(stored, password.slice(0, MAX_PASSWORD))) || user === null) return 'credentials';
    await startSession(async () => user.id);
    return null;
  });
  redirect(problem ? `/sign-in?problem=${problem}` : '/');
}

export async function signOut(): Promise<void> {
  const problem = await problemOf(async () => {
    await endSession();
    return null;
  });
  redirect(problem ? `/?problem=${problem}` : '/');
}

/** What the visitor is told if the store refuses. Whatever else goes wrong is an error of ours. */
async function problemOf(work: () => Promise<ProblemName | null>): Promise<ProblemName | null> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InternalError)) throw error;
    if (error.code === 'auth_postgres/conflict') return 'taken';
    if (error.kind !== 'dependency') throw error;
    console.error(error);
    return error.context.outcome === 'unknown' ? 'unknown' : 'unavailable';
  }
}

/** Whether mails can be sent there is something that only a mail can tell. */
const isEmail = (text: string) => text.length <= 320 && /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u.test(text);

function credentials(form: FormData): { email: string; password: string } {
  const text = (name: string) => {
    const value = form.get(name);
    return typeof value === 'string' ? value : '';
  };
  return { email: text('email').trim(), password: text('password') };
}
