import { library } from "../../tsup.base.ts";

// The watchdog is a program of its own, started by its file name.
export default library(["src/index.ts", "src/watchdog.ts"]);
