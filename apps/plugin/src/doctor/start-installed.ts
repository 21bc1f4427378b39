import { join } from "node:path";
import { connectPlugin, type Manifest } from "@plexum/plugin-sdk";
import { EXECUTABLE_NAME } from "../name.ts";

/**
 * Starts the plugin installed in a folder as a service would, with nothing but its profile in the environment, and returns its
 * manifest.
 *
 * @throws with its last lines on stderr as `detail`.
 */
export async function startInstalled(folder: string, profile: string): Promise<Manifest> {
  const said: string[] = [];
  try {
    const plugin = await connectPlugin({
      command: join(folder, EXECUTABLE_NAME),
      env: { PLEXUM_PROFILE_ROOT: profile },
      onStderr: (line) => said.push(line),
      handshakeTimeoutMs: 10_000,
    });
    await plugin.close();
    return plugin.manifest;
  } catch (error) {
    throw Object.assign(error as Error, { detail: said.slice(-10).join("\n") });
  }
}
