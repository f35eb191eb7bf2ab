import type { EventRecord, Page } from '@kitiumai/auth-postgres';
import { type Html, html, time } from '../web/html.ts';

/** Events as a table, with a link to older ones. */
export function eventTable(events: Page<EventRecord>, path: string): Html {
  if (events.items.length === 0) return html`<p class="muted">There are no events.</p>`;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Events">
      <table>
        <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Details</th></tr></thead>
        <tbody>${events.items.map(
          ({ timestamp, type, data }) => html`
            <tr><td>${time(timestamp)}</td><td><code>${type}</code></td><td>${details(data)}</td></tr>`,
        )}
        </tbody>
      </table>
    </div>
    ${events.next && html`<p><a href="${path}?${new URLSearchParams({ after: events.next }).toString()}">Older events</a></p>`}`;
}

function details(data: Record<string, unknown>): string {
  return Object.entries(data)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
}
