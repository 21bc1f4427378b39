import fc from "fast-check";
import { expect, test } from "vitest";
import { hostToolNames, offeredToolName } from "./tool-names.ts";
import { toolbox } from "./tools.ts";

const tools = (...names: string[]) => names.map((name) => ({ name }));

test("a name that MCP allows is offered unchanged, another under a name derived from it", () => {
  expect(offeredToolName("read.file-2_x")).toBe("read.file-2_x");
  expect(offeredToolName("read file!")).toBe("read_file_ecafb24382");
  expect(offeredToolName("")).toMatch(/^tool_[0-9a-f]{10}$/);
});

test("every name is in the list, and maps back to the host's", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string({ unit: "binary", maxLength: 200 })), (names) => {
      const offered = toolbox(tools(...names)).offered.map(({ name }) => String(name));
      const hostNames = hostToolNames(tools(...names));
      expect(offered).toEqual(names.map(offeredToolName));
      expect(offered.map((name) => hostNames.get(name))).toEqual(names);
    }),
  );
});

test("the name that the CLI derives maps back too, unless two tools have it", () => {
  const names = hostToolNames(
    tools("read file!", "a.b", "a-b", "a_b", "c.d", "c.d"),
    (name) => `mcp__host__${name.replace(/\W/g, "_")}`,
  );
  expect([...names]).toEqual([
    ["mcp__host__read_file_ecafb24382", "read file!"],
    ["mcp__host__c_d", "c.d"],
  ]);
});
