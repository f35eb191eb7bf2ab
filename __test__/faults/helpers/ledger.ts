/** What the caller knows of a write: nothing was made, it was acknowledged, it may have happened, it was refused. */
export const FATES = ['none', 'acknowledged', 'unknown', 'refused', 'deleted', 'deletion unknown'] as const;
export type Fate = (typeof FATES)[number];

/** How many rows each fate allows. */
const ALLOWED: Record<Fate, readonly number[]> = {
  none: [0],
  acknowledged: [1],
  unknown: [0, 1],
  refused: [0],
  deleted: [0],
  'deletion unknown': [0, 1],
};

/** The writes of one kind, numbered from 0; a byte each, so that millions of them do not show in the memory. */
export class Ledger {
  length = 0;
  private fates = new Uint8Array(1024);

  next(): number {
    if (this.length === this.fates.length) {
      const longer = new Uint8Array(this.length * 2);
      longer.set(this.fates);
      this.fates = longer;
    }
    return this.length++;
  }

  set(number: number, fate: Fate): void {
    this.fates[number] = FATES.indexOf(fate);
  }

  get(number: number): Fate {
    return FATES[this.fates[number] ?? 0] as Fate;
  }

  count(fate: Fate): number {
    const wanted = FATES.indexOf(fate);
    return this.fates.subarray(0, this.length).reduce((sum, each) => sum + Number(each === wanted), 0);
  }

  /** What the table holds beyond what callers were told, or short of it; empty when all is well. */
  differences(kind: string, rows: Iterable<{ n: number; rows: number }>): string[] {
    const found = new Uint8Array(this.length);
    const wrong: string[] = [];
    for (const { n, rows: count } of rows) {
      if (n < this.length) found[n] = Math.min(count, 255);
      else wrong.push(`${kind} ${n} was never made`);
    }
    for (let n = 0; n < this.length; n++) {
      const fate = this.get(n);
      const count = found[n] as number;
      if (!ALLOWED[fate].includes(count)) wrong.push(`${kind} ${n}: ${fate}, yet ${count} in the table`);
    }
    return wrong;
  }
}
