import { imageLeftovers } from "@plexum/codex-turn";
import { socketLeftovers } from "@plexum/mcp-bridge";

/**
 * Removes the sockets and the images of prompts that killed plugins left. No later turn would do it: an agent may never run
 * again, and the names of images, and of the socket of an agent's second simultaneous turn, are not reused.
 *
 * @param onError Called with the reason if a folder can't be listed or a file can't be removed. `doctor` reports the rest.
 */
export async function removeLeftovers(onError: (error: Error) => void): Promise<void> {
  for (const find of [socketLeftovers, imageLeftovers]) {
    try {
      for (const leftover of await find()) await leftover.remove();
    } catch (error) {
      onError(error as Error);
    }
  }
}
