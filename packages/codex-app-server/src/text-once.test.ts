import { TextDeltas } from "@plexum/codex-turn";
import { expect, test } from "vitest";
import { type Action, completed, item, scriptedCodex, started, thread } from "../test/scripted-codex.ts";

const begun = (id: string) => item("item/started", { type: "agentMessage", id, text: "" });
const done = (id: string, text: string) => item("item/completed", { type: "agentMessage", id, text });
const delta = (itemId: string, text: string): Action => ({
  notify: "item/agentMessage/delta",
  params: { ...thread, turnId: "turn-1", itemId, delta: text },
});
/** `deltas` are the texts that codex streams, `text` is the completed message. */
const message = (id: string, deltas: readonly string[], text = deltas.join("")): Action[] => [
  begun(id),
  ...deltas.map((part) => delta(id, part)),
  done(id, text),
];

const MEGABYTE = "0123456789abcde\n".repeat(65_536);

/** @param streamed What a reader of the deltas gets. @param whole What the others get, message by message. */
test.concurrent.each<[name: string, actions: Action[], streamed: string, whole: string[]]>([
  ["no deltas", message("a", [], "hello"), "hello", ["hello"]],
  ["all in deltas", message("a", ["hel", "lo"]), "hello", ["hello"]],
  ["deltas without item/started", message("a", ["hel", "lo"]).slice(1), "hello", ["hello"]],
  ["some deltas missing", message("a", ["hel"], "hello"), "hello", ["hello"]],
  [
    "completed without the surrounding white space",
    message("a", ["\n hel", "lo \n"], "hello"),
    "\n hello \n",
    ["hello"],
  ],
  ["completed with other white space", message("a", ["a  b", "\r\nc"], "a b\nc"), "a  b\r\nc", ["a b\nc"]],
  ["an empty completed text after deltas", message("a", ["hel", "lo"], ""), "hello", ["hello"]],
  ["an empty message", message("a", [], ""), "", [""]],
  ["two messages", [...message("a", ["1", "2"]), ...message("b", ["3"])], "123", ["12", "3"]],
  [
    "two messages at once",
    [begun("a"), begun("b"), delta("a", "1"), delta("b", "2"), delta("a", "3"), done("b", "2"), done("a", "13")],
    "123",
    ["2", "13"],
  ],
  ["the same text twice", [...message("a", ["again"]), ...message("b", ["again"])], "againagain", ["again", "again"]],
  ["an emoji split between deltas", message("a", ["a\ud83d", "\ude00b"]), "a\u{1f600}b", ["a\u{1f600}b"]],
  [
    "U+2028 and other line separators",
    message("a", ["a\u2028", "b\u2029c\u0085\r"]),
    "a\u2028b\u2029c\u0085\r",
    ["a\u2028b\u2029c\u0085\r"],
  ],
  ["1 MB in one piece", message("a", [], MEGABYTE), MEGABYTE, [MEGABYTE]],
  ["1 MB in 16 384 deltas", message("a", MEGABYTE.match(/.{64}/gs) ?? []), MEGABYTE, [MEGABYTE]],
])("each text reaches its reader once: %s", async (_name, actions, streamed, whole) => {
  await using codex = await scriptedCodex({ "turn/start": [...started, ...actions, completed] });
  const { result, events } = await codex.run();
  expect(result).toMatchObject({ status: "completed", lastMessage: whole.at(-1) });
  const texts = new TextDeltas();
  let read = "";
  const completedTexts: string[] = [];
  for (const event of events) {
    if (event.type === "agent_message.delta") read += texts.delta(event.item_id, event.delta);
    if (event.type !== "item.completed" || event.item.type !== "agent_message") continue;
    read += texts.complete(event.item.id, event.item.text);
    completedTexts.push(event.item.text);
  }
  // Compared by hand, so that a difference does not print a text of 1 MB.
  expect(read === streamed || read.slice(0, 200)).toBe(true);
  expect(completedTexts.join("|") === whole.join("|") || completedTexts.map((text) => text.slice(0, 200))).toBe(true);
});
