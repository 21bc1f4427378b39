import { library } from "../../tsup.base.ts";

// The watchdog is a separate program, started by its file name.
export default library(["src/index.ts", "src/watchdog.ts"]);
