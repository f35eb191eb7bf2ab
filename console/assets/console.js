/**
 * What makes the pages better: questions in a dialog, filters that act while one types, and an audit log that goes on by
 * itself. All of it works without this file, by the same addresses: it reads pages and takes parts of them.
 */
(() => {
  const parser = new DOMParser();

  /** Reads a page of the console and gives its document; null if it could not be read. */
  async function read(url, options) {
    try {
      const response = await fetch(url, { credentials: 'same-origin', ...options });
      const isPage = (response.headers.get('content-type') ?? '').startsWith('text/html');
      return isPage && !response.redirected
        ? { response, page: parser.parseFromString(await response.text(), 'text/html') }
        : null;
    } catch {
      return null;
    }
  }

  // The message of an action is said once, and not again when the page is loaded again.
  const here = new URL(location.href);
  if (here.searchParams.has('done')) {
    here.searchParams.delete('done');
    history.replaceState(history.state, '', here);
  }

  /** An action that asks first answers with a page; here the question stands in a dialog. */
  function ask(page, from) {
    const question = page.querySelector('#confirm');
    if (!question) return false;
    const dialog = document.createElement('dialog');
    const title = document.createElement('h2');
    title.id = 'dialog-title';
    title.textContent = page.querySelector('h1')?.textContent ?? '';
    dialog.setAttribute('aria-labelledby', title.id);
    dialog.append(title, document.importNode(question, true));
    dialog.addEventListener('close', () => {
      dialog.remove();
      from?.focus();
    });
    dialog.querySelector('[data-close]')?.addEventListener('click', (event) => {
      event.preventDefault();
      dialog.close();
    });
    document.body.append(dialog);
    dialog.showModal();
    return true;
  }

  document.addEventListener('submit', async (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !('asks' in form.dataset) || form.closest('dialog')) return;
    event.preventDefault();
    const button = event.submitter;
    const body = new URLSearchParams(new FormData(form));
    const found = await read(form.action, { method: 'POST', body });
    if (!found || !ask(found.page, button)) form.submit();
  });

  // Filters: the part of the page that they are for is read again, some time after the last key.
  for (const form of document.querySelectorAll('form[data-filter]')) {
    const selector = form.dataset.filter;
    let timer;
    let latest = 0;
    form.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(async () => {
        const turn = ++latest;
        const url = new URL(form.action);
        for (const [name, value] of new FormData(form)) if (value !== '') url.searchParams.set(name, value);
        const found = await read(url);
        const part = found?.response.ok && found.page.querySelector(selector);
        if (turn !== latest || !part) return;
        document.querySelector(selector)?.replaceChildren(...part.childNodes);
        history.replaceState(history.state, '', url);
      }, 300);
    });
  }

  // The audit log: rows that are not there yet are put above the others.
  const SECONDS = 3;
  const MOST_ROWS = 500;
  for (const box of document.querySelectorAll('input[data-live]')) {
    box.closest('[hidden]')?.removeAttribute('hidden');
    const status = document.querySelector('#live-status');
    setInterval(async () => {
      if (!box.checked || document.hidden) return;
      const found = await read(location.href);
      const part = found?.response.ok && found.page.querySelector(box.dataset.live);
      const list = document.querySelector(box.dataset.live);
      if (!part || !list) return;
      const body = list.querySelector('tbody');
      // The first events of a list that was empty.
      if (!body) {
        if (part.querySelector('tbody')) list.replaceChildren(...part.childNodes);
        return;
      }
      const known = new Set([...body.rows].map(({ dataset }) => dataset.key));
      const fresh = [...part.querySelectorAll('tbody tr')].filter(({ dataset }) => !known.has(dataset.key));
      for (const row of fresh) row.classList.add('new');
      body.prepend(...fresh.map((row) => document.importNode(row, true)));
      while (body.rows.length > MOST_ROWS) body.deleteRow(-1);
      if (fresh.length > 0 && status) status.textContent = `${fresh.length} new`;
    }, SECONDS * 1_000);
  }
})();
