// A process to kill. Its command line names a function of this package, and the options to call it with.
import { installPlugin, uninstallPlugin } from "../src/index.ts";

const [work, options = ""] = process.argv.slice(2);
await (work === "installPlugin" ? installPlugin : uninstallPlugin)(JSON.parse(options));
