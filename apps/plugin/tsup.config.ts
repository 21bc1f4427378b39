import { program } from "../../tsup.base.ts";

export default program({ main: "src/main.ts", watchdog: "src/watchdog-entry.ts" });
