import { fileURLToPath } from "node:url";

/** How to start the relay of this package's source. */
export const relayCommand = {
  command: process.execPath,
  args: [fileURLToPath(new URL("relay-process.ts", import.meta.url))],
};
