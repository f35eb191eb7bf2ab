export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** A browser without a window: it keeps cookies, and sends forms with the token of the page that it has seen last. */
export class Visitor {
  readonly cookies = new Map<string, string>();
  csrf = '';

  constructor(readonly origin: string) {}

  async get(path: string): Promise<Answer> {
    const answer = await this.send(path, {});
    const [, token] = /name="csrf" value="([^"]+)"/.exec(answer.text) ?? [];
    if (token) this.csrf = token;
    return answer;
  }

  post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Answer> {
    return this.send(path, { method: 'POST', body: new URLSearchParams({ csrf: this.csrf, ...fields }), headers });
  }

  /** Reads the page with the form, and sends it. */
  async fill(path: string, fields: Record<string, string>): Promise<Answer> {
    await this.get(path);
    return this.post(path, fields);
  }

  private async send(path: string, { headers = {}, ...init }: RequestInit): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(path, this.origin), {
      ...init,
      headers: { ...(headers as Record<string, string>), cookie },
      redirect: 'manual',
    });
    for (const header of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(header) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return { status: response.status, headers: response.headers, text: await response.text() };
  }
}
