import { join } from "node:path";
import { connectPlugin, type Manifest } from "@plexum/plugin-sdk";
import { EXECUTABLE_NAME } from "../name.ts";

/**
 * Starts the plugin installed in a folder, and returns its manifest. As in a service, the environment contains only the profile.
 *
 * @throws the error of the start; its `detail` has the plugin's last lines on stderr.
 */
export async function startInstalled(folder: string, profile: string): Promise<Manifest> {
  const stderr: string[] = [];
  try {
    const plugin = await connectPlugin({
      command: join(folder, EXECUTABLE_NAME),
      env: { PLEXUM_PROFILE_ROOT: profile },
      onStderr: (line) => stderr.push(line),
      handshakeTimeoutMs: 10_000,
    });
    await plugin.close();
    return plugin.manifest;
  } catch (error) {
    throw Object.assign(error as Error, { detail: stderr.slice(-10).join("\n") });
  }
}
