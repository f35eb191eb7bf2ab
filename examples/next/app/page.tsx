/** A page for those who are signed in, and for those who are not. */
import { InternalError, type SessionContext } from '@kitiumai/auth-postgres';
import Link from 'next/link';
import { currentSession } from '../lib/session';
import { signOut } from './actions';
import { type PageWithProblem, Problem } from './problem';

export default async function Home({ searchParams }: PageWithProblem) {
  let context: SessionContext | null;
  try {
    context = await currentSession();
  } catch (error) {
    if (!(error instanceof InternalError) || error.kind !== 'dependency') throw error;
    console.error(error);
    return <Unavailable />;
  }
  return (
    <>
      <Problem searchParams={searchParams} />
      {context ? <Welcome context={context} /> : <Visitor />}
    </>
  );
}

function Welcome({ context: { user, session } }: { context: SessionContext }) {
  return (
    <>
      <h1>Hello, {user.email}</h1>
      <p>Your session ends on {session.expiresAt.toISOString().slice(0, 10)}.</p>
      <form action={signOut}>
        <button type="submit">Sign out</button>
      </form>
    </>
  );
}

function Visitor() {
  return (
    <>
      <h1>You are not signed in</h1>
      <p>
        <Link href="/sign-in">Sign in</Link> or <Link href="/sign-up">sign up</Link>
      </p>
    </>
  );
}

/** A page that is clear without JavaScript, too, which `error.tsx` would not be. */
function Unavailable() {
  return (
    <>
      <h1>Back in a moment</h1>
      <p role="alert">
        We cannot reach our database, so that we do not know whether you are signed in. You stay signed in.
      </p>
      <p>
        {/* A whole new page, not one from the router's cache. */}
        <a href="/">Try again</a>
      </p>
    </>
  );
}
