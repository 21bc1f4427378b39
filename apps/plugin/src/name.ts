import packageJson from "../package.json" with { type: "json" };

/** The plugin's name for Plexum: that of its folder in a profile. */
export const PLUGIN_NAME = "plexum-openai-provider";

/** The bare file name of the launcher beside the manifest. Windows starts no script without an extension (not tried there). */
export const EXECUTABLE_NAME = `plexum-openai-provider-plugin${process.platform === "win32" ? ".cmd" : ""}`;

export const VERSION: string = packageJson.version;
