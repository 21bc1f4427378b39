const PROTOTYPES = [Object, Array, Function, String, Number, Map, Set, Promise, Error, Uint8Array].map(
  (type) => type.prototype as object,
);

const before = PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);

/** @throws Error if a shared prototype has different keys than when this program started. */
export function checkPrototypes(): void {
  if (({} as { polluted?: unknown }).polluted !== undefined) throw new Error("Object.prototype was polluted");
  for (const [index, prototype] of PROTOTYPES.entries()) {
    if (Reflect.ownKeys(prototype).length !== before[index])
      throw new Error(`${prototype.constructor.name}.prototype has other keys than before`);
  }
}
