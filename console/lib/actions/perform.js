/**
 * Performs an action: the form must be genuine and the operator must have the permission. What it does and the event that
 * tells of it are one transaction, so that neither is there without the other.
 */

const { html } = require('../html/html.js');
const { actionForm, hidden, input } = require('../html/forms.js');
const { explain, htmlResponse, respond } = require('../respond.js');
const { pageOf } = require('../html/layout.js');
const { Refusal } = require('../refusal.js');
const { FIELD, isGenuine, isSameOrigin } = require('../secure/csrf.js');
const { readForm } = require('../secure/form.js');

/** @import { Action, Call, Form, Question } from './action.js' */
/** @import { Visit } from '../visit.js' */

const CONFIRMED = 'confirmed';
const TYPED = 'typed';
const CONFLICT = 'auth_postgres/conflict';

/**
 * @param {Action} action
 * @param {Visit} visit
 * @param {Record<string, string>} params
 * @returns {Promise<Response>}
 */
async function performAction(action, visit, params) {
  const { request, settings, operator } = visit;
  if (!isSameOrigin(request, settings)) throw new Refusal(403, 'This form does not come from a page of the console.');
  if (!visit.may(action.permission)) throw new Refusal(403, `This needs the permission "${action.permission}".`);
  const fields = await readForm(request);
  if (!isGenuine(request, settings, operator.name, fields.get(FIELD))) {
    throw new Refusal(403, 'This form is no longer valid. Open its page again, and repeat what you did.');
  }
  /** @type {Call} */
  const call = { visit, params, form: toForm(fields) };
  const question = await action.ask?.(call);
  if (question && !isConfirmed(question, fields)) return ask(call, question);

  const done = await settings.storage.transaction(async (tx) => {
    const result = await action.run(tx, call);
    const { data, ...about } = result.about;
    await tx.emitEvent({
      type: action.event,
      ...about,
      data: { ...data, operator: operator.name },
      timestamp: new Date(),
    });
    return result;
  });
  // The page that follows shows how it is now.
  visit.caches.records.forget();
  if (done.response) return done.response();
  if (done.page) return respond(visit, done.page);
  const location = visit.href(done.to ?? '/', { done: done.done });
  return new Response(null, { status: 303, headers: { Location: location } });
}

/**
 * @param {URLSearchParams} fields
 * @returns {Form}
 */
function toForm(fields) {
  const text = (/** @type {string} */ name) => (fields.get(name) ?? '').trim();
  return {
    fields,
    text,
    required: (name) => {
      if (text(name) === '') throw new Refusal(422, `The field "${name}" is empty.`);
      return text(name);
    },
    optional: (name) => text(name) || null,
    lines: (name) => [
      ...new Set(
        text(name)
          .split(/[\r\n]+/)
          .map((line) => line.trim())
          .filter(Boolean),
      ),
    ],
  };
}

/**
 * @param {Question} question
 * @param {URLSearchParams} fields
 */
function isConfirmed({ typed }, fields) {
  return fields.get(CONFIRMED) === 'yes' && (typed === undefined || fields.get(TYPED)?.trim() === typed);
}

/**
 * A page that asks whether it is meant, with the fields of the form.
 *
 * @param {Call} call
 * @param {Question} question
 */
function ask({ visit, form }, { title, text, button, back, typed }) {
  const isWrong = form.fields.get(CONFIRMED) === 'yes';
  const kept = [...form.fields].filter(([name]) => ![FIELD, CONFIRMED, TYPED].includes(name));
  const fields = html`${kept.map(([name, value]) => hidden(name, value))}${hidden(CONFIRMED, 'yes')}${
    typed !== undefined &&
    input(TYPED, `Type ${typed} to confirm`, {
      required: true,
      scope: 'confirm',
      hint: isWrong ? 'This is not what was asked for.' : '',
    })
  }`;
  const body = html`<div class="card message" id="confirm"><p>${text}</p><div class="buttons">${actionForm(
    visit,
    visit.path,
    fields,
    button,
    { tone: 'danger' },
  )}<a class="button" href="${visit.href(back)}" data-close>Cancel</a></div></div>`;
  return htmlResponse(pageOf(visit, { title, body }), isWrong ? 422 : 200);
}

module.exports = { CONFLICT, explain, performAction };
