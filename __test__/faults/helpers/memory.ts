import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface Growth {
  heapMb: number;
  rssMb: number;
}

/** What is kept once everything that can be collected has been. */
export class MemoryMeter {
  private before = usage();

  begin(): void {
    this.before = usage();
  }

  growth(): Growth {
    const after = usage();
    return { heapMb: after.heapMb - this.before.heapMb, rssMb: after.rssMb - this.before.rssMb };
  }
}

export function usage(): Growth {
  collectGarbage();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heapMb: (heapUsed + external) / 2 ** 20, rssMb: rss / 2 ** 20 };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
