// Installs what it is told on its command line: a process to kill.
import { installPlugin } from "../src/index.ts";

await installPlugin(JSON.parse(process.argv[2] as string));
