export type { Change } from "./change.ts";
export { ProfileError, type ProfileErrorCode } from "./errors.ts";
export { type InstallOptions, installPlugin } from "./install-plugin.ts";
export { type Installation, readInstallation } from "./installation.ts";
export type { Json } from "./json-edit.ts";
export { profileRoot } from "./places.ts";
export type { Program } from "./program.ts";
export { type UninstallOptions, uninstallPlugin } from "./uninstall-plugin.ts";
