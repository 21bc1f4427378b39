import { expect, test } from "vitest";
import { codexVersion } from "./codex-checks.ts";
import { Context } from "./context.ts";

/** Pretends that this codex is installed. */
class OnCodex extends Context {
  readonly #version: string;

  constructor(version: string) {
    super({});
    this.#version = version;
  }

  override async codex() {
    const found = { isSupported: true, isNewerThanTested: false, login: "signed_in", loginStatus: "" } as const;
    return { path: "/codex", command: ["/codex"] as const, version: this.#version, configError: undefined, ...found };
  }
}

test.each([
  ["0.135.0", "ok"],
  ["0.136.0", "warning"],
  ["0.142.5", "warning"],
  ["0.146.1", "warning"],
  ["0.147.0", "ok"],
  ["1.140.0", "ok"],
])("codex %s is %s: 0.136 to 0.146 can hang after long results", async (version, status) => {
  const outcome = await codexVersion.run(new OnCodex(version), new AbortController().signal);
  expect(outcome).toMatchObject({ status, title: expect.stringContaining(version) });
});
