/** Who is signed in, as JSON. */
import { InternalError } from '@kitiumai/auth-postgres';
import { currentSession } from '../../../lib/session';

export async function GET(): Promise<Response> {
  try {
    const context = await currentSession();
    if (context === null) return Response.json({ error: 'unauthenticated' }, { status: 401 });
    const { user, session, roles } = context;
    return Response.json({
      user: { id: user.id, email: user.email, name: user.name },
      expiresAt: session.expiresAt,
      roles: roles.map(({ name }) => name),
    });
  } catch (error) {
    if (!(error instanceof InternalError) || error.kind !== 'dependency') throw error;
    console.error(error);
    return Response.json({ error: 'unavailable' }, { status: 503, headers: { 'retry-after': '1' } });
  }
}
