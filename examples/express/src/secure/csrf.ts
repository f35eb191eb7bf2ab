import type { RequestHandler } from 'express';
import type { Site } from '../site.ts';
import { RefusedForm } from '../web/errors.ts';
import { visitOf } from '../web/visit.ts';
import { isEqual } from './secrets.ts';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Lets only forms through that come from a page of this site, made for this browser and this session. */
export function refuseForeignForms({ config }: Site): RequestHandler {
  return (request, _response, next) => {
    if (SAFE_METHODS.has(request.method)) return next();
    const { origin } = request.headers;
    if (origin !== undefined && origin !== config.origin) throw new RefusedForm();
    const token: unknown = request.body?.csrf;
    if (typeof token !== 'string' || !isEqual(token, visitOf(request).csrf)) throw new RefusedForm();
    next();
  };
}
