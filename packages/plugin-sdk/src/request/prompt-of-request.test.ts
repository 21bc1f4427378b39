import { expect, test } from "vitest";
import { lastUserText, promptOf } from "./prompt-of-request.ts";

const imagesOf = (image: { path?: string; data_base64?: string; url?: string; media_type?: string }) =>
  promptOf([
    {
      role: "user",
      content: [
        { type: "text", text: "look" },
        { type: "image", ...image },
      ],
    },
  ]).images;

const bytes = Buffer.from("picture");
const data_base64 = bytes.toString("base64");

test.each([
  ["a file", { path: "/a.png" }, { path: "/a.png" }],
  ["inline", { data_base64, media_type: "image/gif" }, { bytes, mediaType: "image/gif" }],
  ["a file: URL", { url: "file:///a%20b.png" }, { path: "/a b.png" }],
  [
    "an address with the data in it",
    { url: `data:image/gif;base64,${data_base64}` },
    { bytes, mediaType: "image/gif" },
  ],
  ["inline, with an empty path", { path: "", data_base64 }, { bytes }],
  ["a file: URL, with everything else empty", { path: "", data_base64: "", url: "file:///a.png" }, { path: "/a.png" }],
])("an image is accepted: %s", (_name, image, taken) => {
  expect(imagesOf(image)).toEqual([taken]);
});

test.each([
  ["on the web", { url: "https://example.org/a.png" }],
  ["without a place", { path: "" }],
  ["in a file on another machine", { url: "file://elsewhere/a.png" }],
  ["at a malformed URL", { url: "file:///a%2Fb.png" }],
])("an image is omitted, with a warning: %s", (_name, image) => {
  const content = [
    { type: "text" as const, text: "look" },
    { type: "image" as const, ...image },
  ];
  const { images, warnings } = promptOf([{ role: "user", content }]);
  expect(images).toEqual([]);
  expect(warnings).toHaveLength(1);
});

test("a message is refused only if it has neither text nor images", () => {
  const of = (...content: Parameters<typeof promptOf>[0][number]["content"]) => promptOf([{ role: "user", content }]);
  expect(of({ type: "image", path: "/a.png" })).toEqual({ text: "", images: [{ path: "/a.png" }], warnings: [] });
  const nothing = expect.objectContaining({ code: "no_user_text" });
  expect(() => of({ type: "image", url: "https://example.org/a.png" }, { type: "text", text: " \n" })).toThrow(nothing);
  expect(() => promptOf([])).toThrow(nothing);
});

test("the last user text is only that of the last user message", () => {
  const said = (role: "user" | "assistant", ...texts: string[]) => ({
    role,
    content: texts.map((text) => ({ type: "text" as const, text })),
  });
  expect(lastUserText([said("user", "before"), said("user", "a", "b"), said("assistant", "c")])).toBe("a\nb");
  const nothing = expect.objectContaining({ code: "no_user_text" });
  expect(() => lastUserText([said("user", "before"), said("user", " \n")])).toThrow(nothing);
  expect(() => lastUserText([{ role: "user", content: [{ type: "image", path: "/a.png" }] }])).toThrow(nothing);
  expect(() => lastUserText([said("assistant", "c")])).toThrow(nothing);
});
