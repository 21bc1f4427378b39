import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Installation } from "@plexum/profile";
import { EXECUTABLE_NAME, PLUGIN_NAME, VERSION } from "../name.ts";
import { type Check, type Outcome, ok, unchecked } from "./check.ts";
import type { Context } from "./context.ts";

const INSTALL = `Run "npx ${PLUGIN_NAME} install", with the same --profile.`;

/** Runs a check on the installation. Only the check `installed` reports a profile that can't be read. */
async function ifReadable(
  context: Context,
  look: (installation: Installation) => Outcome | Promise<Outcome>,
): Promise<Outcome> {
  const installation = await context.installation().catch(() => undefined);
  return installation === undefined ? unchecked("the profile can't be read", "installed") : look(installation);
}

export const installed: Check = {
  id: "installed",
  meaning: "The host does not know the plugin.",
  remedy: INSTALL,
  async run(context) {
    const installation = await context.installation().catch((error: Error) => error);
    if (installation instanceof Error) {
      return {
        status: "error",
        title: installation.message,
        meaning:
          "It is unknown whether the host knows the plugin. The host may not be able to read the profile either.",
        remedy: "Follow the message.",
      };
    }
    const { folder, version, manifest } = installation;
    if (manifest === undefined) return { status: "error", title: `there is no manifest.json in ${folder}` };
    if (version === undefined) return ok(`${folder}, installed by hand`);
    if (version === VERSION) return ok(`${version} in ${folder}`);
    return {
      status: "warning",
      title: `${version} in ${folder}, but the doctor is ${VERSION}`,
      meaning: "The host starts a different version of the plugin than the one that runs this check.",
    };
  },
};

export const allowed: Check = {
  id: "allowed",
  meaning: "The host does not start the plugin.",
  remedy: INSTALL,
  run: (context) =>
    ifReadable(context, ({ allowed }) =>
      allowed
        ? ok(`plugins.allow in plexum.json has "${PLUGIN_NAME}"`)
        : { status: "error", title: `plugins.allow in plexum.json lacks "${PLUGIN_NAME}"` },
    ),
};

export const launcher: Check = {
  id: "launcher",
  meaning: "The host can't start the plugin.",
  remedy: INSTALL,
  run: (context) =>
    ifReadable(context, async (found) => {
      if (found.manifest === undefined) return unchecked("the plugin is not installed", "installed");
      const { name, version } = await context.installedManifest();
      return ok(`${EXECUTABLE_NAME} starts ${name} ${version} without a PATH`);
    }),
};

export const manifest: Check = {
  id: "manifest",
  meaning: "The host offers models or tools other than those in the config.",
  remedy: INSTALL,
  run: (context) =>
    ifReadable(context, async (found) => {
      if (found.manifest === undefined) return unchecked("the plugin is not installed", "installed");
      const reported = await context.installedManifest().catch(() => undefined);
      if (reported === undefined) return unchecked("the plugin does not start", "launcher");
      const path = join(found.folder, "manifest.json");
      const written = parse(found.manifest);
      if (written === undefined) return { status: "error", title: `${path} is not JSON` };
      if (isDeepStrictEqual(written, reported)) return ok("matches the config");
      return { status: "error", title: `${path} differs from what the plugin reports` };
    }),
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
