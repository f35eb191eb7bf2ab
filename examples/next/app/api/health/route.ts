/** For whoever decides whether this process gets requests. */
import { InternalError } from '@kitiumai/auth-postgres';
import { connection } from 'next/server';
import { store } from '../../../lib/store';

export async function GET(): Promise<Response> {
  await connection();
  const { status } = await store()
    .then((storage) => storage.healthCheck({ timeoutMs: 2_000 }))
    .catch((error: unknown) => {
      if (!(error instanceof InternalError)) throw error;
      console.error(error);
      return { status: 'error' };
    });
  return Response.json({ status }, { status: status === 'ok' ? 200 : 503 });
}
