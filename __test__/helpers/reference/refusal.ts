import type { Code } from '../errors';

/** One reason to refuse a call. */
export interface Fault {
  code: Code;
  /** The field or argument at fault, where the contract names one. */
  field?: string;
}

/** How the reference rejects. With several faults the contract leaves open which of them is reported. */
export class Refusal extends Error {
  readonly faults: Fault[];

  constructor(faults: Fault[]) {
    super(faults.map(({ code, field }) => (field === undefined ? code : `${code} (${field})`)).join(', or '));
    this.faults = faults;
  }
}

export function refuse(code: Code, field?: string): never {
  throw new Refusal([field === undefined ? { code } : { code, field }]);
}

/** A field's name as messages have it: names that are the caller's are escaped and shortened. */
function quoted(name: string): string {
  const characters = [...name];
  const escapes: Record<string, string> = { '\\': '\\\\', '\0': '\\0', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
  const text = characters
    .slice(0, 100)
    .map(
      (each) =>
        escapes[each] ?? (/^(?! )[\p{C}\p{Z}]$/u.test(each) ? `\\u{${each.codePointAt(0)?.toString(16)}}` : each),
    )
    .join('');
  return characters.length > 100 ? `${text}…` : text;
}

/** Collects faults; nothing is refused before all have been found. */
export class Faults {
  readonly list: Fault[] = [];

  add(code: Code, field?: string): void {
    this.list.push(field === undefined ? { code } : { code, field: quoted(field) });
  }

  invalid(field?: string): undefined {
    this.add('invalid_input', field);
    return undefined;
  }

  /** Refuses when there are any. */
  settle(): void {
    if (this.list.length > 0) throw new Refusal(this.list);
  }
}
