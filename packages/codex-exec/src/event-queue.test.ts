import { expect, test } from "vitest";
import { EventQueue } from "./event-queue.ts";

function queueOf(highWater: number) {
  let drained = 0;
  const queue = new EventQueue<number>(highWater, () => drained++);
  return { queue, drained: () => drained };
}

test("gives everything in order, pushed before, during and after the reader came", async () => {
  const { queue } = queueOf(100);
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
  const { queue } = queueOf(1);
  const next = queue[Symbol.asyncIterator]().next();
  queue.end();
  expect((await next).done).toBe(true);
});

test("what waited when the end came is still given", async () => {
  const { queue } = queueOf(2);
  for (const value of [1, 2, 3]) queue.push(value);
  queue.end();
  const seen: number[] = [];
  for await (const value of queue) seen.push(value);
  expect(seen).toEqual([1, 2, 3]);
});

test("is full at its mark, and tells when a reader has made room", async () => {
  const { queue, drained } = queueOf(2);
  queue.push(1);
  expect(queue.isFull).toBe(false);
  queue.push(2);
  expect(queue.isFull).toBe(true);
  expect(drained()).toBe(0);
  await queue[Symbol.asyncIterator]().next();
  expect(queue.isFull).toBe(false);
  expect(drained()).toBe(1);
});

test("a reader that leaves lets the rest pass by", async () => {
  const { queue, drained } = queueOf(2);
  for (const value of [1, 2, 3]) queue.push(value);
  for await (const _ of queue) break;
  expect(drained()).toBeGreaterThan(0);
  for (let value = 0; value < 10; value++) queue.push(value);
  expect(queue.isFull).toBe(false);
});
