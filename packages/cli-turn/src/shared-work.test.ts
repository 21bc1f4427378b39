import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { SharedWork } from "./shared-work.ts";

/** Work whose runs end when the test says so. */
function controlled() {
  const ends: PromiseWithResolvers<number>[] = [];
  const work = new SharedWork(() => {
    const end = Promise.withResolvers<number>();
    ends.push(end);
    return end.promise;
  });
  return { work, ends };
}

test("callers that wait for a run share it", async () => {
  const { work, ends } = controlled();
  const calls = [work.next(), work.next(), work.next()];
  await setImmediate();
  await setImmediate();
  expect(ends).toHaveLength(1);
  ends[0]?.resolve(1);
  expect(await Promise.all(calls)).toEqual([1, 1, 1]);
});

test("a caller that comes while a run is going gets the result of the next one, which begins after it", async () => {
  const { work, ends } = controlled();
  const first = work.next();
  await setImmediate();
  await setImmediate();
  const [second, third] = [work.next(), work.next()];
  await setImmediate();
  await setImmediate();
  expect(ends).toHaveLength(1);
  ends[0]?.resolve(1);
  expect(await first).toBe(1);
  await setImmediate();
  await setImmediate();
  expect(ends).toHaveLength(2);
  ends[1]?.resolve(2);
  expect(await Promise.all([second, third])).toEqual([2, 2]);
});

test("a run that fails does not stop the next", async () => {
  const { work, ends } = controlled();
  const first = work.next();
  await setImmediate();
  await setImmediate();
  const second = work.next();
  ends[0]?.reject(new Error("broken"));
  await expect(first).rejects.toThrow("broken");
  await setImmediate();
  await setImmediate();
  ends[1]?.resolve(2);
  expect(await second).toBe(2);
});
