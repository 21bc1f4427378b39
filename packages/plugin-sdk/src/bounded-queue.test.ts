import fc from "fast-check";
import { expect, test } from "vitest";
import { BoundedQueue } from "./bounded-queue.ts";

async function allOf<T>(queue: BoundedQueue<T>): Promise<T[]> {
  const values: T[] = [];
  for await (const value of queue.read()) values.push(value);
  return values;
}

test("values are read in the order in which they were pushed, however pushing and reading alternate", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 40 }), { maxLength: 20 }), async (bursts) => {
      const queue = new BoundedQueue<number>(1e9);
      const read = queue.read();
      const seen: unknown[] = [];
      let pushed = 0;
      for (const [index, burst] of bursts.entries()) {
        for (let n = 0; n < burst; n++) queue.push(pushed++, 1);
        // Read some of the values in the queue, never more than there are.
        for (let n = pushed - seen.length; n > index % 3; n--) seen.push((await read.next()).value);
      }
      queue.end();
      for await (const value of read) seen.push(value);
      expect(seen).toEqual(Array.from({ length: pushed }, (_, n) => n));
    }),
  );
});

test("a million unread values are read in linear time", async () => {
  const queue = new BoundedQueue<number>(1e9);
  for (let n = 0; n < 1_000_000; n++) queue.push(n, 1);
  queue.end();
  expect(await allOf(queue)).toHaveLength(1_000_000);
});

test("unread values are limited in bytes, except a single one; reading makes room", async () => {
  const queue = new BoundedQueue<string>(10);
  queue.push("alone", 100);
  expect(() => queue.push("more", 1)).toThrow("1 events of 100 bytes are unread");
  const read = queue.read();
  expect((await read.next()).value).toBe("alone");
  queue.push("a", 6);
  queue.push("b", 4);
  expect(() => queue.push("c", 1)).toThrow("2 events of 10 bytes are unread");
  expect((await read.next()).value).toBe("a");
  queue.push("c", 6);
  queue.end({ error: new Error("gone") });
  expect((await read.next()).value).toBe("b");
  expect((await read.next()).value).toBe("c");
  await expect(read.next()).rejects.toThrow("gone");
});
