import { startBridge } from "../src/socket/socket-bridge.ts";

/* `hold` has a bridge listen until this process is killed; `restart` closes and starts it again and again. */
const [task, agentId = ""] = process.argv.slice(2);
const start = () => startBridge({ agentId, tools: [], callTool: async () => ({ content: [] }) });
let bridge = await start();
process.stdout.write("listening\n");
while (task === "restart") {
  await bridge.close();
  bridge = await start();
}
