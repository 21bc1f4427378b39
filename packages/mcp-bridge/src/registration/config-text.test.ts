import { expect, test } from "vitest";
import { withoutServer, withServer } from "./config-text.ts";

const server = { command: "/usr/bin/node", args: ["a b", '"quoted"'], env: { PLEXUM_A: "x\n= 🦊", PLEXUM_B: "" } };
const entry = `[mcp_servers.plexum-host-a]
command = "/usr/bin/node"
args = ["a b","\\"quoted\\""]

[mcp_servers.plexum-host-a.env]
PLEXUM_A = "x\\n= 🦊"
PLEXUM_B = ""
`;
const other = `# top
model = "x" # why

[mcp_servers.other] # whose
# inside
args = [
  "[mcp_servers.plexum-host-a]", # no table
]

[mcp_servers.plexum-host-ab]
command = "c"
# the end
`;

test.each(["", other, "model = 1\n\n# [mcp_servers.plexum-host-a]\n", "a = 1\r\n", "\n"])(
  "a server is added to %j, changed and removed, and the rest is as it was",
  (text) => {
    const added = withServer(text, "plexum-host-a", server);
    expect(added).toBe(text === "" ? entry : `${text}\n${entry}`);
    expect(withServer(added, "plexum-host-a", server)).toBe(added);
    expect(withoutServer(added, "plexum-host-a")).toBe(text);
  },
);

test("a server between others goes with its own comments, and leaves those of the next", () => {
  const text = `[a]\n\n[mcp_servers.plexum-host-a]\n# ours\ncommand = "x"\n\n# next\n[b]\nc = 1\n\n[mcp_servers."plexum-host-a".env]\nD = "e"\n\n[f]\n`;
  expect(withoutServer(text, "plexum-host-a")).toBe("[a]\n\n# next\n[b]\nc = 1\n\n[f]\n");
});

test("a text without a final newline gets one", () => {
  expect(withServer("a = 1", "plexum-host-a", server)).toBe(`a = 1\n\n${entry}`);
});

test.each([
  ['[mcp_servers]\nplexum-host-a = { command = "x" }\n'],
  ['mcp_servers.plexum-host-a.command = "x"\n'],
  [`a = """\n[mcp_servers.plexum-host-a]\n"""\n`],
  [`a = '''\n[mcp_servers.plexum-host-a]\n'''\n`],
  [other],
])("anything but a table of the server, or that may be part of a string, is unchanged: %j", (text) => {
  expect(withoutServer(text, "plexum-host-a")).toBeUndefined();
});
