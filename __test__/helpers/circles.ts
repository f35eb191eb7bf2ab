/** Files that use each other, directly or through others. */

/**
 * @param arrows by file, the files that it uses
 * @returns the circles: sets of files that reach each other
 */
export function circlesOf(arrows: Map<string, Set<string>>): string[][] {
  const reachable = new Map<string, Set<string>>();
  for (const from of arrows.keys()) {
    const seen = new Set<string>();
    const open = [...(arrows.get(from) ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (!seen.has(next)) {
        seen.add(next);
        open.push(...(arrows.get(next) ?? []));
      }
    }
    reachable.set(from, seen);
  }
  const circles = new Set<string>();
  for (const [from, seen] of reachable) {
    if (seen.has(from)) {
      circles.add(
        [...seen]
          .filter((other) => reachable.get(other)?.has(from))
          .sort()
          .join(' '),
      );
    }
  }
  return [...circles].map((circle) => circle.split(' '));
}
