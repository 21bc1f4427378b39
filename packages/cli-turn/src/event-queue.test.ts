import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

function queueWithCount() {
  let count = 0;
  const queue = new EventQueue<number>(() => count++);
  return { queue, drained: () => count };
}

test("yields everything in order, whether pushed before or while the reader iterates", async () => {
  const { queue } = queueWithCount();
  queue.push(1);
  queue.push(2);
  const seen: number[] = [];
  for await (const value of queue) {
    seen.push(value);
    if (value === 2) queue.push(3);
    if (value === 3) setImmediate(() => queue.push(4));
    if (value === 4) queue.end();
  }
  expect(seen).toEqual([1, 2, 3, 4]);
});

test("ends a waiting reader", async () => {
  const { queue } = queueWithCount();
  const next = queue[Symbol.asyncIterator]().next();
  queue.end();
  expect((await next).done).toBe(true);
});

test("yields what was queued before the end", async () => {
  const { queue } = queueWithCount();
  for (const value of [1, 2, 3]) queue.push(value);
  queue.end();
  const seen: number[] = [];
  for await (const value of queue) seen.push(value);
  expect(seen).toEqual([1, 2, 3]);
});

test("reports when the reader has emptied the queue", async () => {
  const { queue, drained } = queueWithCount();
  queue.push(1);
  queue.push(2);
  expect([queue.isEmpty, drained()]).toEqual([false, 0]);
  await queue[Symbol.asyncIterator]().next();
  expect([queue.isEmpty, drained()]).toEqual([true, 1]);
});

test("drops the rest once the reader has left", async () => {
  const { queue, drained } = queueWithCount();
  for (const value of [1, 2, 3]) queue.push(value);
  for await (const _ of queue) {
    queue.push(4);
    break;
  }
  expect(drained()).toBe(2);
  queue.push(5);
  expect(queue.isEmpty).toBe(true);
});
