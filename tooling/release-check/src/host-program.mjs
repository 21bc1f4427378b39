// Copied into a folder where the packages are installed, and run there: a host that runs one turn with the plugin.
import { connectPlugin } from "@plexum/plugin-sdk";

const [command, workspace, prompt] = process.argv.slice(2);
// Node 22 does not support `await using`.
const plugin = await connectPlugin({ command, onFault: (error) => console.error(error) });
const request = {
  stream_id: "one",
  model_id: "codex",
  agent: { agent_id: "alice", workspace },
  request: { messages: [{ role: "user", content: [{ type: "text", text: prompt }] }] },
};
const events = [];
for await (const event of plugin.stream(request)) events.push(event);
console.log(JSON.stringify({ manifest: plugin.manifest, events }));
await plugin.close();
