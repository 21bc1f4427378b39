import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { connectPlugin } from "@plexum/plugin-sdk";
import { type Installation, profileRoot, readInstallation } from "@plexum/profile";
import { EXECUTABLE_NAME, PLUGIN_NAME, VERSION } from "../name.ts";
import { type Check, ok, unchecked } from "./check.ts";
import type { Context } from "./context.ts";

const INSTALL = `Run "npx ${PLUGIN_NAME} install", with the same --profile.`;

const installation = ({ env }: Context) => readInstallation(profileRoot(env), PLUGIN_NAME);

export const installed: Check = {
  id: "installed",
  meaning: "The host knows nothing of the plugin.",
  remedy: INSTALL,
  async run(context) {
    const { folder, version, manifest } = await installation(context);
    if (manifest === undefined) return { status: "error", title: `there is no manifest.json in ${folder}` };
    if (version === undefined) return ok(`${folder}, put there by hand`);
    if (version === VERSION) return ok(`${version} in ${folder}`);
    return {
      status: "warning",
      title: `${version} in ${folder}, and this is ${VERSION}`,
      meaning: "The host starts another version of the plugin than the one that looks at it here.",
    };
  },
};

export const allowed: Check = {
  id: "allowed",
  meaning: "The host does not start the plugin.",
  remedy: INSTALL,
  async run(context) {
    const { allowed } = await installation(context);
    if (allowed) return ok(`plugins.allow in plexum.json has "${PLUGIN_NAME}"`);
    return { status: "error", title: `plugins.allow in plexum.json lacks "${PLUGIN_NAME}"` };
  },
};

export const launcher: Check = {
  id: "launcher",
  meaning: "The host can't start the plugin.",
  remedy: INSTALL,
  async run(context, signal) {
    const found = await installation(context);
    if (found.manifest === undefined) return unchecked("the plugin is not installed", "installed");
    const { name, version } = await startIt(found, context, signal);
    return ok(`starts ${name} ${version} without a PATH`);
  },
};

export const manifest: Check = {
  id: "manifest",
  meaning: "The host offers other models or tools than the config names.",
  remedy: INSTALL,
  async run(context, signal) {
    const found = await installation(context);
    if (found.manifest === undefined) return unchecked("the plugin is not installed", "installed");
    const told = await startIt(found, context, signal).catch(() => undefined);
    if (told === undefined) return unchecked("the plugin does not start", "launcher");
    const written = JSON.parse(found.manifest);
    if (isDeepStrictEqual(written, told)) return ok("says what the config says");
    return { status: "error", title: `${join(found.folder, "manifest.json")} is not what the plugin says of itself` };
  },
};

/** Starts the plugin as a service would, knowing its profile and nothing else, and asks for its manifest. */
async function startIt({ folder }: Installation, { env }: Context, signal: AbortSignal) {
  const plugin = await connectPlugin({
    command: join(folder, EXECUTABLE_NAME),
    env: { PLEXUM_PROFILE_ROOT: profileRoot(env) },
    signal,
  });
  await plugin.close();
  // Without what only the schema's defaults would add.
  return JSON.parse(JSON.stringify(plugin.manifest)) as typeof plugin.manifest;
}
