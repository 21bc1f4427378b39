// Does what it is told on its command line, a function of this package and its options: a process to kill.
import { installPlugin, uninstallPlugin } from "../src/index.ts";

const [work, options = ""] = process.argv.slice(2);
await (work === "installPlugin" ? installPlugin : uninstallPlugin)(JSON.parse(options));
