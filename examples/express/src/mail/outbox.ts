import { Router } from 'express';
import { html } from '../web/html.ts';
import { sendPage } from '../web/layout.ts';
import type { Mail, Mailer } from './mailer.ts';

const KEPT = 200;

/** Keeps the newest mails in memory and shows them on a page, to everybody. So it is for a site on this computer only. */
export class Outbox implements Mailer {
  readonly #mails: Mail[] = [];

  async send(mail: Mail): Promise<void> {
    this.#mails.unshift(mail);
    this.#mails.length = Math.min(this.#mails.length, KEPT);
  }

  routes(): Router {
    return Router().get('/mails', (request, response) => {
      const content = html`
        <h1>Mails</h1>
        <p>This site runs on your computer, so that its mails are shown here instead of being sent.</p>
        ${this.#mails.length === 0 && html`<p class="muted">There are none yet.</p>`}
        ${this.#mails.map(
          ({ to, subject, text, link }) => html`
            <article class="card">
              <h2>${subject}</h2>
              <p class="muted">To ${to}</p>
              <p>${text}</p>
              <p><a href="${link}">${link.split('?')[0]}</a></p>
            </article>`,
        )}`;
      sendPage(request, response, { title: 'Mails', content });
    });
  }
}
