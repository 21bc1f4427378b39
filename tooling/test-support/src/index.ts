export { eventually } from "./eventually.ts";
export { isAlive } from "./is-alive.ts";
export { sleepers, uniqueSeconds } from "./sleepers.ts";
export { temporaryFolder } from "./temporary-folder.ts";
