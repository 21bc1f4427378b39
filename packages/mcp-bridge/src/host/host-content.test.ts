import { expect, test } from "vitest";
import { hostContent } from "./host-content.ts";

type ToolContent = Parameters<typeof hostContent>[0];

const data = "iVBORw0KGgo=";

test.each<[Record<string, unknown>, ToolContent]>([
  [
    { data_base64: data, media_type: "image/png" },
    { type: "image", data, mimeType: "image/png" },
  ],
  [
    { data_base64: data, url: "", path: "" },
    { type: "image", data },
  ],
  [{ url: `data:image/gif;base64,${data}` }, { type: "image", data, mimeType: "image/gif" }],
  [{ url: `data:image/gif;name=a.gif;base64,${data}` }, { type: "image", data, mimeType: "image/gif" }],
  [{ url: `data:;base64,${data}` }, { type: "image", data }],
  [
    { url: "https://a.example/b.png", data_base64: "" },
    { type: "text", text: "[image: https://a.example/b.png]" },
  ],
  [
    { path: "/tmp/a.png", media_type: "image/png" },
    { type: "text", text: "[image: /tmp/a.png]" },
  ],
])("Plexum's image %j becomes MCP's %j", (fields, expected) => {
  expect(hostContent({ type: "image", ...fields })).toEqual(expected);
});

test.each<ToolContent>([
  { type: "image", data, mimeType: "image/png" },
  { type: "image" },
  { type: "image", url: 7 },
  { type: "text", text: "a", url: "b" },
])("%j passes unchanged", (block) => {
  expect(hostContent(block)).toBe(block);
});

test("a text that only begins like an embedded image is an address, however long it is", () => {
  // A regular expression that backtracks takes hours.
  const url = `data:${"d;".repeat(1_000_000)}`;
  expect(hostContent({ type: "image", url })).toEqual({ type: "text", text: `[image: ${url}]` });
  expect(hostContent({ type: "image", url: `${url},aGk=` })).toMatchObject({ type: "text" });
});
