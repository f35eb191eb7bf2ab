/** What the pictures of the documentation have in common, on light pages and on dark ones. The background is the page's. */

/** @typedef {{own: string, others: string[], bad: string, event: string, text: string, faint: string}} Colours */

const FONT = 'ui-sans-serif, system-ui, Segoe UI, Helvetica, Arial, sans-serif';

/** @type {Record<'light' | 'dark', Colours>} */
const COLOURS = {
  light: {
    own: '#0969da',
    others: ['#6e7781', '#8c959f', '#afb8c1', '#d0d7de'],
    ...{ bad: '#cf222e', event: '#d4a72c', text: '#1f2328', faint: '#d0d7de' },
  },
  dark: {
    own: '#4493f8',
    others: ['#9198a1', '#7d8590', '#656c76', '#484f58'],
    ...{ bad: '#f85149', event: '#9e6a03', text: '#e6edf3', faint: '#3d444d' },
  },
};

module.exports = { COLOURS, FONT };
