/** JSON schemas that several routes share. */

/** The query of a list in pages. Numbers in an address are text. */
export const PAGE_QUERY = {
  type: 'object',
  additionalProperties: false,
  properties: {
    limit: { type: 'string', pattern: '^[0-9]{1,4}$' },
    after: { type: 'string' },
  },
} as const;

export interface PageQuery {
  limit?: string;
  after?: string;
}

/** What a list of the store takes. `limit` is checked there, `after` too. */
export const pageOf = ({ limit, after }: PageQuery) => ({
  limit: limit === undefined ? 20 : Number(limit),
  after: after ?? null,
});
