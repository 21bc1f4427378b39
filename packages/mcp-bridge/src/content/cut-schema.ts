type Container = Record<string, unknown> | unknown[];

/**
 * Copies a JSON Schema down to `levels` nested objects and arrays, at least 2. A deeper schema becomes `{}`, which allows
 * anything; a deeper list is left out. Iterative, since the input determines the depth.
 */
export function cutSchema<T extends Record<string, unknown>>(schema: T, levels: number): T {
  const root: Record<string, unknown> = {};
  let level: [from: Container, to: Container][] = [[schema, root]];
  for (let depth = 2; level.length > 0; depth++) {
    const next: typeof level = [];
    for (const [from, to] of level) {
      for (const [key, value] of Object.entries(from)) {
        if (!isContainer(value)) set(to, key, value);
        else if (depth < levels || !Object.values(value).some(isContainer)) {
          const copy: Container = Array.isArray(value) ? [] : {};
          set(to, key, copy);
          next.push([value, copy]);
        } else if (!Array.isArray(value)) set(to, key, {});
      }
    }
    level = next;
  }
  return root as T;
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Sets an own property, even for `__proto__`. */
function set(to: Container, key: string, value: unknown): void {
  if (Array.isArray(to)) to.push(value);
  else Object.defineProperty(to, key, { value, enumerable: true, configurable: true, writable: true });
}
