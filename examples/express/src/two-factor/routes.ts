import { type Request, type Response, Router } from 'express';
import { z } from 'zod';
import { isPassword } from '../secure/passwords.ts';
import type { Site } from '../site.ts';
import { GivenPassword, readForm } from '../web/forms.ts';
import { type Page, sendPage } from '../web/layout.ts';
import { withNotice } from '../web/notices.ts';
import { userOf } from '../web/signed-in.ts';
import { newDeviceOf, openDevice, verifiedDeviceOf } from './devices.ts';
import { codesPage, labelOf, offPage, onPage, setUpPage } from './pages.ts';
import { beginSetUp, confirmSetUp, replaceBackupCodes, turnOff } from './set-up.ts';

const PATH = '/account/two-factor';
const PasswordForm = z.object({ password: GivenPassword });
const CodeForm = z.object({
  code: z
    .string()
    .trim()
    .regex(/^\d{6}$/, 'A code has six digits.'),
});

/** Setting up an authenticator. Whoever changes how an account is protected enters the password once more. */
export function twoFactorRoutes(site: Site): Router {
  const { cookies, limits, storage } = site;
  const router = Router();

  router.get(PATH, async (request, response) => sendPage(request, response, await currentPage(request)));

  router.post(`${PATH}/set-up`, async (request, response) => {
    if (await isRefused(request, response)) return;
    await beginSetUp(site, userOf(request));
    response.redirect(303, PATH);
  });

  router.post(`${PATH}/confirm`, async (request, response) => {
    const user = userOf(request);
    const { data, problem } = readForm(request, CodeForm);
    if (!data) return sendPage(request, response, await currentPage(request, problem), 422);
    limits.countProof(user.id);
    const confirmed = await confirmSetUp(site, request, user, data.code);
    if (!confirmed) return sendPage(request, response, await currentPage(request, 'This code is wrong.'), 422);
    cookies.set(response, 'session', confirmed.session.id);
    sendPage(request, response, codesPage(confirmed.codes));
  });

  router.post(`${PATH}/backup-codes`, async (request, response) => {
    if (await isRefused(request, response)) return;
    const user = userOf(request);
    if (!(await verifiedDeviceOf(storage, user.id))) return response.redirect(303, PATH);
    sendPage(request, response, codesPage(await replaceBackupCodes(site, request, user)));
  });

  router.post(`${PATH}/turn-off`, async (request, response) => {
    if (await isRefused(request, response)) return;
    const session = await turnOff(site, request, userOf(request));
    cookies.set(response, 'session', session.id);
    response.redirect(303, withNotice(PATH, 'second-factor-off'));
  });

  async function currentPage(request: Request, problem?: string): Promise<Page> {
    const user = userOf(request);
    if (await verifiedDeviceOf(storage, user.id))
      return onPage(request, await storage.getBackupCodes(user.id), problem);
    const device = await newDeviceOf(storage, user.id);
    return device ? setUpPage(request, openDevice(site, device, labelOf(user)), problem) : offPage(request, problem);
  }

  /** Answers unless the password in the form is that of the account. */
  async function isRefused(request: Request, response: Response): Promise<boolean> {
    const { id } = userOf(request);
    const { data, problem } = readForm(request, PasswordForm);
    if (data) limits.countProof(id);
    if (data && (await isPassword(await storage.getPasswordHash(id), data.password))) return false;
    sendPage(request, response, await currentPage(request, problem ?? 'The password is wrong.'), 422);
    return true;
  }

  return router;
}
