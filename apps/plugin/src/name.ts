import packageJson from "../package.json" with { type: "json" };

/** The plugin's name in Plexum, and the name of its folder in a profile. */
export const PLUGIN_NAME = "plexum-openai-provider";

/** The launcher's file name, beside the manifest. Windows does not start a script without an extension (untested). */
export const EXECUTABLE_NAME = `plexum-openai-provider-plugin${process.platform === "win32" ? ".cmd" : ""}`;

export const VERSION: string = packageJson.version;
