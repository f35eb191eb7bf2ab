import type { Request, Response } from 'express';
import { type Content, type Html, html } from './html.ts';
import { noticeOf } from './notices.ts';
import { type Visit, visitOf } from './visit.ts';

export interface Page {
  title: string;
  content: Content;
  /** Shown above the content, and read out at once by screen readers. */
  problem?: string | undefined;
}

/** Answers with a page. */
export function sendPage(request: Request, response: Response, page: Page, status = 200): void {
  const notice = noticeOf(request);
  const content = html`
    ${notice && html`<p class="notice" role="status">${notice}</p>`}
    ${page.problem && html`<p class="problem" role="alert">${page.problem}</p>`}
    ${page.content}`;
  response
    .status(status)
    .type('html')
    .send(documentOf(page.title, visitOf(request), content).text);
}

/** A page for somebody of whom nothing is known, such as one about a failure. */
export function barePage(title: string, content: Content): Html {
  return documentOf(title, undefined, html`<h1>${title}</h1>${content}`);
}

function documentOf(title: string, visit: Visit | undefined, content: Content): Html {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title} · Example</title>
  <link rel="stylesheet" href="/site.css">
  <link rel="icon" href="/icon.svg" type="image/svg+xml">
</head>
<body>
  <a class="skip" href="#content">Skip to the content</a>
  <header>
    <nav aria-label="Site">
      <a class="brand" href="/">Example</a>
      ${visit && navigation(visit)}
    </nav>
  </header>
  <main id="content">${content}</main>
</body>
</html>`;
}

function navigation({ context, csrf }: Visit): Html {
  if (!context) return html`<a href="/sign-in">Sign in</a><a class="button" href="/sign-up">Sign up</a>`;
  return html`
      <a href="/organizations">Organizations</a>
      <a href="/account">Account</a>
      <form method="post" action="/sign-out">
        <input type="hidden" name="csrf" value="${csrf}">
        <button class="quiet">Sign out</button>
      </form>`;
}
